/**
 * Property tests draw the same pairs in every run, so that a change is judged by its own merit and a failure can be met
 * again. `FAST_CHECK_SEED=random npm test` draws others; a number draws those of that seed.
 */
import fc from 'fast-check';

const wanted = process.env['FAST_CHECK_SEED'] ?? '20261121';
if (wanted !== 'random') fc.configureGlobal({ seed: Number(wanted) });

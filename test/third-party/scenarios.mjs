/** How every client is judged. What each scenario came to is in `results`. */
import { setTimeout as wait } from 'node:timers/promises';

export { noLeak } from './leaks.mjs';

export const results = {};
export const uncaught = [];
process.on('uncaughtException', (error) => uncaught.push(String(error.stack)));
process.on('unhandledRejection', (error) => uncaught.push(String(error?.stack ?? error)));
process.on('warning', (warning) => {
  if (warning.name === 'MaxListenersExceededWarning') uncaught.push(String(warning.stack));
});

/** No scenario takes this long on a machine that does nothing else; on one that does, it may. */
const LIMIT_MS = 120_000;

/** A result is `pass`, `fail: why`, or `not supported: why`; a word in brackets behind `pass` tells more. */
export async function scenario(name, run) {
  let clock;
  const late = new Promise((_, reject) => {
    clock = setTimeout(() => reject(new Error(`took longer than ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  });
  try {
    results[name] = (await Promise.race([run(), late])) ?? 'pass';
  } catch (error) {
    results[name] = `fail: ${error?.message ?? error}`;
  } finally {
    clearTimeout(clock);
  }
}

/** Again and again, until `run` does not fail any more: files of the policy are read a moment after they were written. */
export async function eventually(run) {
  for (const until = Date.now() + LIMIT_MS / 2; ;) {
    try {
      return await run();
    } catch (error) {
      if (Date.now() > until) throw error;
      await wait(50);
    }
  }
}

export function check(condition, message) {
  if (!condition) throw new Error(message);
}

/** The error that a call fails with. */
export async function failureOf(run) {
  try {
    await run();
  } catch (error) {
    return error ?? new Error('failed with nothing');
  }
  throw new Error('did not fail');
}

/** Where the denial is found in what the client threw: the error itself, below it, or in its words only. */
export function evidence(error) {
  return findDenial(error)?.where;
}

/** Where clients put what went wrong below them. */
const PLACES = ['cause', 'reason', 'error', 'originalError', 'detail', 'raw', 'description', 'context', 'statusText'];

function findDenial(error) {
  const seen = new Set();
  const queue = [[error, 'error']];
  while (queue.length > 0) {
    const [one, where] = queue.shift();
    if (typeof one !== 'object' || one === null || seen.has(one)) continue;
    seen.add(one);
    if (one.code === 'ERR_EGRESS_DENIED') return { where, error: one };
    for (const key of PLACES) queue.push([one[key], 'cause']);
    for (const nested of Array.isArray(one.errors) ? one.errors : []) queue.push([nested, 'cause']);
    for (const server of one.reason?.servers?.values?.() ?? []) queue.push([server.error, 'cause']);
  }
  for (const one of seen) {
    const words = `${one.message} ${one.details ?? ''}`;
    if (/ERR_EGRESS_DENIED/.test(words)) return { where: 'message', error: { message: words } };
  }
  return undefined;
}

/** `mentions` must be in the words of the denial, for clients that keep nothing else. */
export async function denied(run, { opaque = false, mentions } = {}) {
  const error = await failureOf(run).catch(() => check(false, 'was not denied'));
  const found = findDenial(error);
  check(found !== undefined || opaque, `failed without naming the denial: ${error?.code} ${error?.message}`);
  if (found && mentions)
    check(found.error.message.includes(mentions), `the denial does not name ${mentions}: ${found.error.message}`);
  return `pass (${found?.where ?? 'an error without a reason, as this client gives'})`;
}

/** Every example ends as it says: real servers, real programs under the preload, on loopback. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = new URL('..', import.meta.url).pathname;
const demo = join(root, 'examples/demo.mjs');
const names = readdirSync(join(root, 'examples')).filter((name) => existsSync(join(root, 'examples', name, 'mesh')));

describe('the examples', () => {
  it.each(names)('%s', { timeout: 120_000 }, async (name) => {
    const { stdout } = await promisify(execFile)(process.execPath, [demo, name], { cwd: root });
    expect(stdout).toMatch(/: [1-9]\d* calls as expected, 0 not/);
  });

  it('says which examples there are when asked for another', async () => {
    const failed = promisify(execFile)(process.execPath, [demo, 'no-such-example'], { cwd: root });
    await expect(failed).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('service-entry') });
  });
});

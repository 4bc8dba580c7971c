/** What every client is put to, and how it is judged. What each scenario came to is in `results`. */
export const results = {};
export const uncaught = [];
process.on('uncaughtException', (error) => uncaught.push(String(error.stack)));
process.on('unhandledRejection', (error) => uncaught.push(String(error?.stack ?? error)));

export async function scenario(name, run) {
  const clock = AbortSignal.timeout(20_000);
  const late = new Promise((_, reject) =>
    clock.addEventListener('abort', () => reject(new Error('took longer than 20 s'))),
  );
  try {
    results[name] = (await Promise.race([run(), late])) ?? 'pass';
  } catch (error) {
    results[name] = `fail: ${error?.message ?? error}`;
  }
}

export function check(condition, message) {
  if (!condition) throw new Error(message);
}

/** Where the denial is found in what the client threw: the error itself, below it, or in its words only. */
export function evidence(error) {
  const seen = new Set();
  const queue = [[error, 'error']];
  while (queue.length > 0) {
    const [one, where] = queue.shift();
    if (typeof one !== 'object' || one === null || seen.has(one)) continue;
    seen.add(one);
    if (one.code === 'ERR_EGRESS_DENIED') return where;
    for (const key of ['cause', 'reason', 'error', 'originalError', 'detail', 'raw', 'description'])
      queue.push([one[key], 'cause']);
    for (const nested of Array.isArray(one.errors) ? one.errors : []) queue.push([nested, 'cause']);
    for (const server of one.reason?.servers?.values?.() ?? []) queue.push([server.error, 'cause']);
  }
  for (const one of seen) if (/ERR_EGRESS_DENIED/.test(`${one.message} ${one.details ?? ''}`)) return 'message';
  return undefined;
}

export async function denied(run, { opaque = false } = {}) {
  let error;
  try {
    await run();
  } catch (thrown) {
    error = thrown;
  }
  check(error !== undefined, 'was not denied');
  const where = evidence(error);
  check(where !== undefined || opaque, `failed without naming the denial: ${error?.code} ${error?.message}`);
  return `pass (${where ?? 'an error without a reason, as this client gives'})`;
}

export async function noLeak(run, times, { leavesTimers = false } = {}) {
  const ignored = leavesTimers ? ['Immediate', 'Timeout'] : ['Immediate'];
  const resources = () => process.getActiveResourcesInfo().filter((name) => !ignored.includes(name)).length;
  const listeners = () => process.eventNames().reduce((sum, event) => sum + process.listenerCount(event), 0);
  const count = () => resources() + listeners();
  await run().catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = count();
  for (let index = 0; index < times; index += 1) await run().catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const after = count();
  check(after <= before + 3, `${after - before} resources and listeners more after ${times} denials`);
}

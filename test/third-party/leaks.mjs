/** What many denials leave behind, of whatever kind; a client may leave no more than it does after refused connections. */
import { createHook } from 'node:async_hooks';
import { getEventListeners, setMaxListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

/** Kinds of what Node holds open, or keeps until it is closed. */
const WATCHED = /^(TCP|TLS|PIPE|Timeout|HTTP2SESSION|GETADDRINFOREQWRAP)/;
/** What a client may keep however often it is used: a pool's entry, a clock of its own. */
const SLACK = 10;
/** Refused connections are tried this much less often: they take longer. */
const SAMPLE = 5;
/** What a machine under load has not closed at once, it is given this long to close. */
const PATIENCE_MS = 5000;

/** `run` fails each time; `refused` fails by a refused connection, and says what this client leaves in any case. */
export async function noLeak(run, times, { refused, agents = [], settleMs = 60 } = {}) {
  const left = await leftBy(run, times, { agents, settleMs });
  const more = Object.keys(left).filter((kind) => left[kind] > SLACK);
  if (more.length === 0) return undefined;
  const ordinary = refused ? await leftBy(refused, times / SAMPLE, { agents, settleMs }) : {};
  // Not to the number: both fail at moments of their own.
  const leaked = more.filter((kind) => left[kind] > (ordinary[kind] ?? 0) * SAMPLE * 1.3 + SLACK);
  if (leaked.length === 0) return `pass (${more.join(', ')}: as after refused connections)`;
  const tell = (kind) =>
    `${left[kind]} ${kind} more (${ordinary[kind] ?? 0} after ${times / SAMPLE} refused connections)`;
  throw new Error(`after ${times} denials ${leaked.map(tell).join(', ')}`);
}

async function leftBy(run, times, { agents, settleMs }) {
  const { signal } = new AbortController();
  // They are counted here.
  setMaxListeners(0, signal);
  const errors = [];
  const once = () =>
    run({ signal }).then(
      () => undefined,
      (error) => void errors.push(new WeakRef(error)),
    );
  for (let index = 0; index < 3; index += 1) await once();
  await settled(settleMs);
  errors.length = 0;
  const before = standing(signal, agents);
  const live = new Map();
  const hook = createHook({
    init: (id, type) => void (WATCHED.test(type) && live.set(id, type)),
    destroy: (id) => void live.delete(id),
  }).enable();
  for (let index = 0; index < times; index += 1) await once();
  const count = () => {
    const after = standing(signal, agents);
    const left = Object.fromEntries(Object.keys(after).map((kind) => [kind, after[kind] - before[kind]]));
    for (const type of live.values()) left[type] = (left[type] ?? 0) + 1;
    left.errors = errors.filter((error) => error.deref() !== undefined).length;
    return left;
  };
  const until = Date.now() + PATIENCE_MS;
  await settled(settleMs);
  let left = count();
  while (Object.values(left).some((number) => number > SLACK) && Date.now() < until) {
    await settled(settleMs);
    left = count();
  }
  hook.disable();
  return left;
}

/** Closing takes turns, and what is told only when it is collected takes another. */
async function settled(ms) {
  await wait(ms);
  globalThis.gc?.();
  await wait(20);
  globalThis.gc?.();
  await wait(20);
}

function standing(signal, agents) {
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  const listeners = (emitter) => sum(emitter.eventNames().map((name) => emitter.listenerCount(name)));
  const held = (agent) =>
    sum(['sockets', 'freeSockets', 'requests'].map((name) => sum(Object.values(agent[name]).map((all) => all.length))));
  return {
    'listeners of the process': listeners(process),
    'listeners of the signal': getEventListeners(signal, 'abort').length,
    'listeners of agents': sum(agents.map(listeners)),
    'entries of agents': sum(agents.map(held)),
    // Timers are counted one by one.
    resources: process.getActiveResourcesInfo().filter((name) => !/^(Immediate|Timeout)$/.test(name)).length,
  };
}

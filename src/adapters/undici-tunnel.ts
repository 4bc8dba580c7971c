import type { Connection } from '../core/model/connection.ts';
import { proxiedTargets } from '../upstream/proxied-target.ts';
import type { Guard, RequestVerdict } from './seam.ts';

/** Of a CONNECT the socket is decided as any other; where the proxy is asked to dig a tunnel has to be admitted as well. */
export function refusedTunnel(
  guard: Guard,
  { host, port, transport = 'tcp' }: Connection & { readonly host: string },
  path: string,
): Extract<RequestVerdict, { kind: 'fail' }> | undefined {
  const request = { method: 'CONNECT', path, headers: {} };
  const targets = proxiedTargets({ host, port, transport, protocol: 'http1', request });
  const [first] = targets;
  // As if each were dialled: the seam of handles begins no record.
  if (first === undefined || targets.some((target) => guard.connection(target, 'handle').kind !== 'fail'))
    return undefined;
  const verdict = guard.connection(first, 'undici');
  return verdict.kind === 'fail' ? verdict : undefined;
}

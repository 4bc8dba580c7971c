import * as net from 'node:net';
import * as tls from 'node:tls';
import type { Connection } from '../core/model/connection.ts';
import type { UpstreamCluster } from '../core/model/decision.ts';
import type { HeaderList } from '../upstream/header-operations.ts';
import { Mirror } from '../upstream/mirror.ts';
import { pickEndpoint, targetOf, type EndpointState } from '../upstream/pick-destination.ts';
import { originationOptions } from '../upstream/tls-origination.ts';
import { DECIDED, decidedSocket } from './decided-socket.ts';
import type { Guard } from './seam.ts';
import { guardLookup } from './socket-lookup.ts';

const UNWATCHED: EndpointState = { isEjected: () => false, activeRequests: () => 0, turn: () => 0 };

/** A request as it leaves. */
export interface MirroredHead {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderList;
}

/** Opens a copy of a request to a mirror's upstream, on a connection of its own that is decided for that upstream. */
export function mirrorTo(guard: Guard, connection: Connection, upstream: UpstreamCluster, head: MirroredHead): Mirror {
  const endpoint = pickEndpoint(upstream, UNWATCHED, Math.random);
  const name = head.headers.find(([field]) => field.toLowerCase() === 'host')?.[1]?.split(':', 1)[0];
  // Also of a request inside TLS the copy is its own connection, as the mirror's cluster speaks.
  const asked: Connection = { ...connection, transport: 'tcp' };
  const target = targetOf(upstream, endpoint, asked, name, undefined);
  const host = target?.host ?? asked.host ?? '';
  const port = target?.port ?? asked.port;
  const known: Connection = { host, port, transport: 'tcp', protocol: 'http1' };
  const mark = decidedSocket({
    guard,
    generation: guard.generation,
    connection: known,
    host,
    port,
    ...(target && { target }),
  });
  const options = { host, port, [DECIDED]: mark, lookup: guardLookup(guard, known, 'target', undefined) };
  return new Mirror(head, () =>
    target?.tls
      ? tls.connect({ ...options, ...originationOptions(target, guard.meshCertificates) } as tls.ConnectionOptions)
      : net.connect(options),
  );
}

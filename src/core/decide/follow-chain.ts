import type { CompiledMesh } from '../compile/compile-mesh.ts';
import type { FilterChain } from '../compile/filter-chain.ts';
import type { Connection } from '../model/connection.ts';
import type { Decision } from '../model/decision.ts';
import type { Arrival } from './arrival.ts';
import { decideHttp } from './http-route.ts';
import { denyNoFilterChain, denyProtocolError } from './plain-answers.ts';
import { decideTcp } from './tcp-route.ts';
import { decideTls } from './tls-route.ts';

/** What a filter chain does with the connection that took it: requests by its route table, bytes as a whole. */
export function followChain(
  chain: FilterChain | undefined,
  connection: Connection,
  arrival: Arrival,
  mesh: CompiledMesh,
): Decision {
  if (chain === undefined) return denyNoFilterChain(arrival);
  const { tls, application, port } = arrival;
  if (!chain.http) {
    return tls ? decideTls(chain, connection, port, mesh) : decideTcp(chain, false, port, mesh);
  }
  const entrance = mesh.entrance(chain);
  if (entrance === undefined) return denyNoFilterChain(arrival);
  // Where TLS ends at the listener the bytes inside are looked at; elsewhere TLS and other bytes are no HTTP.
  const readable = entrance.tls === true ? tls && connection.protocol !== 'tcp' : application !== undefined;
  if (!readable) return denyProtocolError(chain);
  return decideHttp(entrance.table, withAuthority(connection, arrival), entrance);
}

/** A request without an authority of its own carries the name or address that was dialled. */
function withAuthority(connection: Connection, arrival: Arrival): Connection {
  if (connection.authority !== undefined || !arrival.dialled) return connection;
  return withOtherAuthority(connection, authorityOf(arrival));
}

/**
 * What decides a request, under another authority.
 * NODE: on Node 20 an object that is spread first and extended then has a hidden class of its own, and reading it is slow.
 */
export function withOtherAuthority(connection: Connection, authority: string): Connection {
  const { port, transport, protocol, request, sni, alpn } = connection;
  return {
    port,
    authority,
    ...(transport !== undefined && { transport }),
    ...(protocol !== undefined && { protocol }),
    ...(request !== undefined && { request }),
    ...(sni !== undefined && { sni }),
    ...(alpn !== undefined && { alpn }),
  };
}

/** The dialled name or address as a Host header, with the port unless it is the scheme's own. */
export function authorityOf({ host, address, port, tls }: Arrival): string {
  const name = host !== '' ? host : address?.family === 6 ? `[${address.text}]` : (address?.text ?? '');
  return port === (tls ? 443 : 80) ? name : `${name}:${port}`;
}

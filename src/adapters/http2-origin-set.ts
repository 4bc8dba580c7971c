import type { ClientHttp2Session } from 'node:http2';
import { originText } from '../upstream/authority.ts';
import type { PatchRegistry } from './patch-registry.ts';
import { recordOfSession } from './http2-connection.ts';
import type { Guard } from './seam.ts';
import { hiddenField } from './hidden-field.ts';

type OriginSet = (this: ClientHttp2Session) => string[] | undefined;

/**
 * What a session is good for (RFC 8336). Node takes the port of the connection for that of the origin, and clients that
 * pool sessions compare it with where they were going: where the policy led the connection to another port, the origin stays
 * the one that was asked for.
 */
export function installOriginSet(guard: Guard, patches: PatchRegistry, prototype: object): void {
  patches.wrapGetter<OriginSet>(prototype, 'originSet', (original) => {
    return function originSet(this: ClientHttp2Session): string[] | undefined {
      const origins = original.call(this);
      try {
        return guard.active && origins ? withAskedOrigin(guard, this, origins) : origins;
      } catch {
        return origins;
      }
    };
  });
}

function withAskedOrigin(guard: Guard, session: ClientHttp2Session, origins: string[]): string[] {
  const record = recordOfSession(guard, session);
  if (record?.target === undefined) return origins;
  const { host, port, sni = host } = record.connection;
  const socket = hiddenField(session, 'socket') as { readonly servername?: unknown; readonly remotePort?: number };
  const dialled = originOf(typeof socket.servername === 'string' ? socket.servername : host, socket.remotePort ?? port);
  return origins.map((origin) => (origin === dialled ? originOf(sni, port) : origin));
}

/** Without the port where it is the scheme's own. */
function originOf(host: string, port: number): string {
  return new URL(originText(true, host, port)).origin;
}

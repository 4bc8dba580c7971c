import type { ClientHttp2Session } from 'node:http2';
import type { Connection, HttpRequest } from '../core/model/connection.ts';
import type { HeaderList } from '../upstream/header-operations.ts';
import { nameOfAuthority } from './connection-snapshot.ts';
import { hiddenField } from './hidden-field.ts';
import { toStreamHeaders, valueOf } from './http2-headers.ts';
import type { Guard } from './seam.ts';
import { recordsOf, type SocketRecord } from './socket-records.ts';

/** What is known of one stream. */
export type StreamConnection = Connection & { readonly host: string; readonly request: HttpRequest };

/** Where the connection of a session leads; undefined when it was not dialled under the eyes of this guard. */
export function recordOfSession(guard: Guard, session: ClientHttp2Session): SocketRecord | undefined {
  const records = recordsOf(guard);
  const socket = hiddenField(session, 'socket') as { readonly _parent?: unknown } | undefined;
  const record = records.get(socket) ?? records.get(socket?._parent);
  // NODE: a session forgets its socket when it is over, and its streams may still have to be tried elsewhere.
  if (record) records.noteUse(session, record);
  return record ?? records.get(session);
}

/** The destination is that of the socket; the authority is of each stream. */
export function streamConnection(
  session: ClientHttp2Session,
  record: SocketRecord | undefined,
  list: HeaderList,
): StreamConnection {
  const own = hiddenField(session, 'authority');
  const authority = valueOf(list, ':authority') ?? valueOf(list, 'host') ?? (typeof own === 'string' ? own : undefined);
  const secure = session.encrypted === true || record?.transport === 'tls';
  const { host, port } = record?.connection ?? fromAuthority(typeof own === 'string' ? own : authority, secure);
  return {
    host,
    port,
    transport: secure ? 'tls' : 'tcp',
    protocol: isGrpcType(valueOf(list, 'content-type')) ? 'grpc' : 'http2',
    ...(authority !== undefined && { authority }),
    ...(record?.connection.sni !== undefined && { sni: record.connection.sni }),
    request: {
      method: valueOf(list, ':method') ?? 'GET',
      path: valueOf(list, ':path') ?? '/',
      scheme: secure ? 'https' : 'http',
      headers: Object.fromEntries(
        Object.entries(toStreamHeaders(list, null)).filter(([name]) => !name.startsWith(':')),
      ) as HttpRequest['headers'],
    },
  };
}

function fromAuthority(authority: string | undefined, secure: boolean): { host: string; port: number } {
  const port = /:(\d+)$/.exec(authority ?? '')?.[1];
  return { host: nameOfAuthority(authority ?? ''), port: port === undefined ? (secure ? 443 : 80) : Number(port) };
}

export function isGrpc({ headers }: HttpRequest): boolean {
  const type = headers['content-type'];
  return typeof type === 'string' && isGrpcType(type);
}

function isGrpcType(type: string | undefined): boolean {
  return type !== undefined && /^application\/grpc($|[+;])/.test(type);
}

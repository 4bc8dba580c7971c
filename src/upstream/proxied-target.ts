import type { Connection } from '../core/model/connection.ts';

const SLASH = 47;
const SCHEME = /^([a-z][a-z0-9+.-]*):/i;
/** A backslash is a slash to some readers and part of a name to others: whoever writes one says nothing that can be decided. */
const AFTER_SCHEME = /^\/\/(?:[^/?#@\\]*@)?(\[[^\]/?#\\]*\]|[^:/?#[\]\\]*)(?::(\d*))?(?=[/?#]|$)/;
const AUTHORITY_FORM = /^(\[[^\]]*\]|[^:/?#[\]]+)(?::(\d{1,5}))?$/;

/** What proxies fetch; of another scheme the port is that of the proxy, unless it is written. */
const PORTS: ReadonlyMap<string, number> = new Map([
  ['http', 80],
  ['ws', 80],
  ['https', 443],
  ['wss', 443],
  ['ftp', 21],
]);

/**
 * Where a request to a forward proxy is meant to go: the target of `GET http://host/path` and of `CONNECT host:port`, when
 * that is not where it is dialled. Of several, one has to be admitted: what a tunnel will carry is not known yet. What
 * names a destination in a form that cannot be read has port 0, which no policy admits.
 *
 * RFC 9112, section 3.2; RFC 9113, section 8.5.
 */
export function proxiedTargets(connection: Connection): readonly Connection[] {
  const { request, protocol } = connection;
  if (request === undefined || protocol === undefined || protocol === 'tcp') return [];
  const { path, method } = request;
  if (protocol !== 'http1') return method === 'CONNECT' ? tunnelled(connection, connection.authority, true) : [];
  if (method === 'CONNECT') return tunnelled(connection, path, false);
  if (path.charCodeAt(0) === SLASH || path === '*') return [];
  const scheme = SCHEME.exec(path);
  return scheme ? absolute(connection, path, scheme[1] ?? '') : [];
}

function absolute(connection: Connection, path: string, named: string): readonly Connection[] {
  const { request, port: dialledPort } = connection;
  const after = path.slice(named.length + 1);
  const match = AFTER_SCHEME.exec(after);
  if (!match || !request) return [unreadable(connection, path)];
  const [whole, name = '', digits = ''] = match;
  const scheme = named.toLowerCase();
  const host = unbracketed(name);
  const port = digits === '' ? (PORTS.get(scheme) ?? dialledPort) : Number(digits);
  if (isDialled(connection, host, port)) return [];
  const where = { host, port, ...(connection.workload && { workload: connection.workload }) };
  const secure = scheme === 'https' || scheme === 'wss';
  if (!secure && scheme !== 'http' && scheme !== 'ws') return [{ ...where, transport: 'tcp' }];
  const rest = after.slice(whole.length);
  const authority = digits === '' ? name : `${name}:${digits}`;
  const target: Connection = {
    ...where,
    transport: secure ? 'tls' : 'tcp',
    protocol: 'http1',
    authority,
    ...(secure && { sni: host }),
    request: {
      method: request.method,
      path: rest.startsWith('/') ? rest : `/${rest}`,
      scheme: secure ? 'https' : 'http',
      // A proxy has to take the target for the Host header, whatever that says.
      headers: { ...request.headers, host: authority },
    },
  };
  return [target];
}

/** An extended CONNECT (RFC 8441) names a server as other requests do: without a port it is that of the connection. */
function tunnelled(
  connection: Connection,
  authority: string | undefined,
  portOfConnection: boolean,
): readonly Connection[] {
  const match = AUTHORITY_FORM.exec(authority ?? '');
  const digits = match?.[2];
  if (!match || (digits === undefined && !portOfConnection)) return [unreadable(connection, authority ?? '')];
  const host = unbracketed(match[1] ?? '');
  const port = digits === undefined ? connection.port : Number(digits);
  if (isDialled(connection, host, port)) return [];
  const workload = connection.workload && { workload: connection.workload };
  return [
    { host, port, transport: 'tls', sni: host, ...workload },
    { host, port, transport: 'tcp', ...workload },
  ];
}

function unreadable({ workload }: Connection, target: string): Connection {
  return { host: target, port: 0, ...(workload && { workload }) };
}

function isDialled(connection: Connection, host: string, port: number): boolean {
  return connection.host?.toLowerCase() === host.toLowerCase() && connection.port === port;
}

function unbracketed(name: string): string {
  return name.startsWith('[') ? name.slice(1, -1) : name;
}

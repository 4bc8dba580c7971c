import type { Connection } from '../core/model/connection.ts';

const SLASH = 47;
const ABSOLUTE_FORM = /^(https?):\/\/(?:[^/?#@]*@)?(\[[^\]/?#]*\]|[^:/?#[\]]*)(?::(\d*))?(?=[/?#]|$)/i;
const AUTHORITY_FORM = /^(\[[^\]]*\]|[^:/?#[\]]+):(\d{1,5})$/;

/**
 * Where a request to a forward proxy is meant to go: the target of `GET http://host/path` and of `CONNECT host:port`, when
 * that is not where it is dialled. Of several, one has to be admitted: what a tunnel will carry is not known yet.
 *
 * RFC 9112, section 3.2.
 */
export function proxiedTargets(connection: Connection): readonly Connection[] {
  const { request, protocol } = connection;
  if (request === undefined || protocol !== 'http1') return [];
  const { path, method } = request;
  if (method === 'CONNECT') return tunnelled(connection, path);
  if (path.charCodeAt(0) === SLASH || path === '*') return [];
  const match = ABSOLUTE_FORM.exec(path);
  if (!match) return [];
  const [whole, scheme = '', name = '', digits = ''] = match;
  const secure = scheme.toLowerCase() === 'https';
  const host = unbracketed(name);
  const port = digits === '' ? (secure ? 443 : 80) : Number(digits);
  if (isDialled(connection, host, port)) return [];
  const rest = path.slice(whole.length);
  const target: Connection = {
    host,
    port,
    transport: secure ? 'tls' : 'tcp',
    protocol: 'http1',
    authority: digits === '' ? name : `${name}:${digits}`,
    ...(secure && { sni: host }),
    ...(connection.workload && { workload: connection.workload }),
    request: { ...request, scheme: secure ? 'https' : 'http', path: rest.startsWith('/') ? rest : `/${rest}` },
  };
  return [target];
}

function tunnelled(connection: Connection, path: string): readonly Connection[] {
  const match = AUTHORITY_FORM.exec(path);
  if (!match) return [];
  const host = unbracketed(match[1] ?? '');
  const port = Number(match[2]);
  if (isDialled(connection, host, port)) return [];
  const workload = connection.workload && { workload: connection.workload };
  return [
    { host, port, transport: 'tls', sni: host, ...workload },
    { host, port, transport: 'tcp', ...workload },
  ];
}

function isDialled(connection: Connection, host: string, port: number): boolean {
  return connection.host?.toLowerCase() === host.toLowerCase() && connection.port === port;
}

function unbracketed(name: string): string {
  return name.startsWith('[') ? name.slice(1, -1) : name;
}

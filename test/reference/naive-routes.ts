/** Virtual hosts and routes of one listener port, made for one call and thrown away. */
import type { HTTPMatchRequest, HTTPRoute, StringMatch, VirtualService } from '../../src/core/model/virtual-service.ts';
import { closest, isWild, isWithin, overlap } from './naive-names.ts';
import { compare, namespaceOf, type NaiveScope, type NaiveService } from './naive-scope.ts';

export interface NaiveRequest {
  readonly authority: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface NaiveRoute {
  readonly name: string;
  /** Undefined: the service's default route. */
  readonly rule?: VirtualService;
  readonly http?: HTTPRoute;
  readonly match?: HTTPMatchRequest;
  readonly service?: NaiveService;
}

interface VirtualHost {
  readonly name: string;
  domains: readonly string[];
  readonly routes: readonly NaiveRoute[];
}

export interface FoundRoute {
  readonly virtualHost: string;
  /** Undefined: the host is known and none of its routes fits. */
  readonly route: NaiveRoute | undefined;
}

/** Undefined: the catch-all of the outbound traffic policy. */
export function naiveRoute(
  scope: NaiveScope,
  table: 'port' | NaiveService,
  port: number,
  request: NaiveRequest,
): FoundRoute | undefined {
  const hosts = table === 'port' ? portTable(scope, scope.services, port) : serviceTable(scope, table, port);
  const name = request.authority.replace(/:\d+$/, '').toLowerCase();
  const entries = hosts.flatMap((host) => host.domains.map((domain) => ({ domain: domain.toLowerCase(), host })));
  const found = closest(name, entries, ({ domain }) => domain)?.host;
  if (found === undefined) return undefined;
  return { virtualHost: found.name, route: found.routes.find((route) => fits(route, request)) };
}

/** The table of an address of its own: one service, whatever the Host. */
function serviceTable(scope: NaiveScope, service: NaiveService, port: number): VirtualHost[] {
  const hosts = portTable(scope, [service], port);
  const own = hosts.find(({ name }) => name === `${service.host}:${port}`);
  return own === undefined ? [] : [{ ...own, domains: ['*'] }];
}

function portTable(scope: NaiveScope, services: readonly NaiveService[], port: number): VirtualHost[] {
  // Of equal names the last one stays.
  const onPort = new Map<string, NaiveService>();
  for (const service of services) {
    const ports = service.ports.filter(({ number }) => number === port);
    if (ports.length > 0) onPort.set(service.host, { ...service, ports });
  }
  const rules = scope.rules.filter(
    ({ spec }) =>
      port === 80 || (spec.hosts ?? []).some((host) => [...onPort.keys()].some((key) => overlap(key, host))),
  );
  const used = new Set<string>();
  const wrappers: { hosts: string[]; services: NaiveService[]; routes: NaiveRoute[] }[] = [];
  for (const rule of rules) {
    const routes = translate(scope, rule, port);
    if (routes.length === 0) continue;
    const { plain, owned } = split(rule, onPort, scope.rules);
    const speaking = owned.filter((service) => speaksHttp(service));
    if (speaking.length === 0 && port !== 80) continue;
    for (const { host } of speaking) used.add(host);
    wrappers.push({ hosts: plain, services: speaking, routes });
  }
  for (const service of onPort.values()) {
    if (used.has(service.host)) continue;
    if (!speaksHttp(service)) continue;
    wrappers.push({ hosts: [], services: [service], routes: [{ name: 'default', service }] });
  }
  return unique(
    wrappers.flatMap(({ hosts, services: owned, routes }) => [
      ...hosts.map((host) => ({ name: `${host}:${port}`, domains: [host], routes })),
      ...owned.map((service) => ({ name: `${service.host}:${port}`, domains: domainsOf(service), routes })),
    ]),
  );
}

function speaksHttp({ ports }: NaiveService): boolean {
  return ports.some(({ family }) => family === 'http' || family === 'auto');
}

function domainsOf({ host, address }: NaiveService): string[] {
  return [host, `${host}.`, ...(address === undefined || address.includes('/') ? [] : [address])];
}

/** A name is taken once, and so is a domain. */
function unique(hosts: readonly VirtualHost[]): VirtualHost[] {
  const names = new Set<string>();
  const domains = new Set<string>();
  const kept: VirtualHost[] = [];
  for (const host of hosts) {
    if (names.has(host.name)) continue;
    names.add(host.name);
    const free = host.domains.filter((domain) => !domains.has(domain));
    for (const domain of free) domains.add(domain);
    if (free.length > 0) kept.push({ ...host, domains: free });
  }
  return kept.sort((a, b) => compare(a.name, b.name));
}

/** Which hosts of a rule stand for services, and which for themselves. */
function split(
  rule: VirtualService,
  onPort: ReadonlyMap<string, NaiveService>,
  rules: readonly VirtualService[],
): { plain: string[]; owned: NaiveService[] } {
  const plain: string[] = [];
  const owned: NaiveService[] = [];
  for (const host of rule.spec.hosts ?? []) {
    if (isWild(host)) {
      const touched = [...onPort.values()].filter((service) => overlap(service.host, host));
      if (touched.length === 0) plain.push(host);
      owned.push(...touched.filter((service) => isBest(rule, host, service, rules)));
      continue;
    }
    const exact = onPort.get(host);
    if (exact === undefined) plain.push(host);
    else owned.push(exact);
  }
  return { plain, owned };
}

/** No rule names the service exactly, and none with a longer wildcard, or an earlier one with the same. */
function isBest(rule: VirtualService, host: string, service: NaiveService, rules: readonly VirtualService[]): boolean {
  const around = rules.flatMap((each) =>
    (each.spec.hosts ?? []).filter((name) => isWithin(service.host, name)).map((name) => ({ name, rule: each })),
  );
  const best = closest(service.host, around, ({ name }) => name);
  return best?.rule === rule && best.name === host;
}

function translate(scope: NaiveScope, rule: VirtualService, port: number): NaiveRoute[] {
  const routes: NaiveRoute[] = [];
  for (const http of rule.spec.http ?? []) {
    const matches = http.match ?? [];
    if (matches.length === 0) return [...routes, { name: http.name ?? '', rule, http }];
    for (const match of matches) {
      if (!isForUs(scope, match, port)) continue;
      const name = match.name === undefined ? (http.name ?? '') : `${http.name ?? ''}.${match.name}`;
      routes.push({ name, rule, http, match });
      if (isCatchAll(match)) return routes;
    }
  }
  return routes;
}

function isForUs({ workload }: NaiveScope, match: HTTPMatchRequest, port: number): boolean {
  if (match.port !== undefined && match.port !== port) return false;
  if (match.gateways !== undefined && match.gateways.length > 0) return match.gateways.includes('mesh');
  const labels = Object.entries(match.sourceLabels ?? {});
  return (
    labels.every(([name, value]) => workload.labels?.[name] === value) &&
    (match.sourceNamespace === undefined || match.sourceNamespace === workload.namespace)
  );
}

function isCatchAll({
  uri,
  headers,
  queryParams,
  withoutHeaders,
  method,
  authority,
  scheme,
}: HTTPMatchRequest): boolean {
  const anyPath = uri === undefined || Object.keys(uri).length === 0 || uri.prefix === '/' || uri.regex === '.*';
  return (
    anyPath && [headers, queryParams, withoutHeaders, method, authority, scheme].every((each) => each === undefined)
  );
}

function fits({ match }: NaiveRoute, { authority, method, path, headers }: NaiveRequest): boolean {
  if (match === undefined) return true;
  const bare = path.split('?')[0] ?? '';
  return (
    isLike(match.uri ?? {}, bare, match.ignoreUriCase === true) &&
    isLike(match.method ?? {}, method) &&
    isLike(match.authority ?? {}, authority) &&
    Object.entries(match.headers ?? {}).every(([name, each]) => {
      const value = headers[name.toLowerCase()];
      return value !== undefined && isLike(each, value);
    }) &&
    Object.entries(match.withoutHeaders ?? {}).every(([name, each]) => {
      const value = headers[name.toLowerCase()];
      return Object.keys(each).length === 0 ? value === undefined : !isLike(each, value ?? '');
    }) &&
    Object.entries(match.queryParams ?? {}).every(([name, each]) => {
      const value = new URLSearchParams(path.split('?')[1] ?? '').get(name);
      return value !== null && isLike(each, value);
    })
  );
}

function isLike({ exact, prefix, regex }: StringMatch, value: string, ignoreCase = false): boolean {
  const lowered = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
  if (exact !== undefined) return lowered(value) === lowered(exact);
  if (prefix !== undefined) return lowered(value).startsWith(lowered(prefix));
  return regex === undefined || new RegExp(`^(?:${regex})$`).test(value);
}

export function ruleName(rule: VirtualService): string {
  return `${namespaceOf(rule)}/${rule.metadata.name}`;
}

import { cidrContains, parseCidr } from '../../core/match/cidr-index.ts';
import { hostSubsetOf } from '../../core/match/hostname.ts';
import type {
  HTTPMatchRequest,
  L4MatchAttributes,
  StringMatch,
  TLSMatchAttributes,
} from '../../core/model/virtual-service.ts';

/** Whether every request that satisfies `later` satisfies `earlier`. No earlier match takes everything. */
export function httpMatchCovers(earlier: HTTPMatchRequest | undefined, later: HTTPMatchRequest | undefined): boolean {
  if (earlier === undefined) return true;
  const narrow = later ?? {};
  return (
    uriCovers(earlier, narrow) &&
    valueCovers(earlier.scheme, narrow.scheme) &&
    valueCovers(earlier.method, narrow.method) &&
    valueCovers(earlier.authority, narrow.authority) &&
    allCovered(earlier.headers, narrow.headers) &&
    allCovered(earlier.queryParams, narrow.queryParams) &&
    allSame(earlier.withoutHeaders, narrow.withoutHeaders) &&
    sourceCovers(earlier, narrow)
  );
}

export function tlsMatchCovers(
  earlier: TLSMatchAttributes | undefined,
  later: TLSMatchAttributes | undefined,
): boolean {
  if (earlier === undefined) return true;
  const { sniHosts = [] } = later ?? {};
  const { sniHosts: wider = [] } = earlier;
  const hostsCovered =
    wider.length === 0 ||
    (sniHosts.length > 0 && sniHosts.every((host) => wider.some((other) => hostSubsetOf(host, other))));
  return (
    hostsCovered &&
    subnetsCover(earlier.destinationSubnets, later?.destinationSubnets) &&
    sourceCovers(earlier, later ?? {})
  );
}

export function tcpMatchCovers(earlier: L4MatchAttributes | undefined, later: L4MatchAttributes | undefined): boolean {
  if (earlier === undefined) return true;
  return subnetsCover(earlier.destinationSubnets, later?.destinationSubnets) && sourceCovers(earlier, later ?? {});
}

type Source = Pick<HTTPMatchRequest, 'port' | 'sourceLabels' | 'gateways' | 'sourceNamespace'>;

/** Who asks, and at which port. */
function sourceCovers(earlier: Source, later: Source): boolean {
  const { port = 0, sourceLabels = {}, gateways = [], sourceNamespace = '' } = earlier;
  if (port !== 0 && port !== later.port) return false;
  if (sourceNamespace !== '' && sourceNamespace !== later.sourceNamespace) return false;
  if (Object.entries(sourceLabels).some(([key, value]) => later.sourceLabels?.[key] !== value)) return false;
  const { gateways: narrow = [] } = later;
  return gateways.length === 0 || (narrow.length > 0 && narrow.every((gateway) => gateways.includes(gateway)));
}

function uriCovers(earlier: HTTPMatchRequest, later: HTTPMatchRequest): boolean {
  const { uri } = earlier;
  if (uri === undefined || takesEveryPath(uri)) return true;
  if (later.uri === undefined) return false;
  const ignoreCase = earlier.ignoreUriCase === true;
  if (!ignoreCase && later.ignoreUriCase === true) return false;
  const fold = (match: StringMatch): StringMatch => (ignoreCase ? foldCase(match) : match);
  return valueCovers(fold(uri), fold(later.uri));
}

function takesEveryPath({ prefix, regex }: StringMatch): boolean {
  return prefix === '' || prefix === '/' || regex === '.*' || regex === '/.*';
}

function foldCase({ exact, prefix, regex }: StringMatch): StringMatch {
  if (exact !== undefined) return { exact: exact.toLowerCase() };
  if (prefix !== undefined) return { prefix: prefix.toLowerCase() };
  return regex === undefined ? {} : { regex };
}

/** An absent condition, or an empty one on a value that the later asks for, takes every value. */
function valueCovers(earlier: StringMatch | undefined, later: StringMatch | undefined): boolean {
  if (earlier === undefined) return true;
  if (later === undefined) return false;
  if (earlier.regex === '.*' || earlier.prefix === '') return true;
  if (earlier.exact !== undefined) return later.exact === earlier.exact;
  if (earlier.prefix !== undefined) return (later.exact ?? later.prefix)?.startsWith(earlier.prefix) === true;
  return earlier.regex === undefined ? true : later.regex === earlier.regex;
}

type Conditions = Readonly<Record<string, StringMatch>> | undefined;

function allCovered(earlier: Conditions = {}, later: Conditions = {}): boolean {
  return Object.entries(earlier).every(([name, match]) => later[name] !== undefined && valueCovers(match, later[name]));
}

function allSame(earlier: Conditions = {}, later: Conditions = {}): boolean {
  return Object.entries(earlier).every(([name, match]) => {
    const other = later[name];
    return (
      other !== undefined && other.exact === match.exact && other.prefix === match.prefix && other.regex === match.regex
    );
  });
}

function subnetsCover(earlier: readonly string[] = [], later: readonly string[] = []): boolean {
  if (earlier.length === 0) return true;
  return later.length > 0 && later.every((subnet) => earlier.some((wider) => subnetCovers(wider, subnet)));
}

function subnetCovers(wider: string, narrower: string): boolean {
  const [outer, inner] = [parseCidr(wider), parseCidr(narrower)];
  return (
    outer !== undefined && inner !== undefined && outer.prefix <= inner.prefix && cidrContains(outer, inner.network)
  );
}

import type { Diagnostic } from '../../core/model/diagnostic.ts';

/** What checks can say. Codes of Istio's analyzers keep their number and level; `SCL2...` are our own. */
export const checkCodes = {
  IST0002: code('warning', 'A field that Istio has deprecated.'),
  IST0101: code('error', 'Something that a resource refers to does not exist.'),
  IST0106: code('error', 'The API server or the admission webhook would refuse the resource.'),
  IST0109: code('error', 'Several VirtualServices of the mesh define the same host.'),
  IST0110: code('error', 'Several Sidecars select the same pod.'),
  IST0111: code('error', 'Several Sidecars of a namespace have no selector.'),
  IST0112: code('error', 'A destination names no port, and its service has several.'),
  IST0118: code('info', 'The name of a Service port does not say its protocol.'),
  IST0128: code('warning', 'TLS is originated and no CA is named.'),
  IST0129: code('warning', 'TLS is originated on a port and no CA is named.'),
  IST0130: code('warning', 'A route is never reached.'),
  IST0131: code('info', 'A match repeats an earlier one or is covered by it.'),
  IST0132: code('warning', 'A VirtualService is bound to a Gateway that does not serve its hosts.'),
  IST0133: code('warning', 'The admission webhook would accept the resource with a warning.'),
  IST0134: code('warning', 'A TCP port of a ServiceEntry has no address.'),
  IST0138: code('warning', 'Several Gateways serve the same certificate.'),
  IST0140: code('warning', 'A route to a service bypasses the subsets that another VirtualService chooses.'),
  IST0145: code('error', 'Gateways serve the same host on the same port of the same pods.'),
  IST0149: code('error', 'Routing by a claim where no token is verified.'),
  IST0150: code('warning', 'A port of an ExternalName Service does not say its protocol.'),
  IST0161: code('error', 'The certificate that a Gateway refers to is not valid.'),
  IST0162: code('warning', 'A Gateway listens on a port that no Service of its pods has.'),
  IST0165: code('warning', 'A VirtualService is bound to a Gateway that Istio made from another resource.'),
  IST0167: code('warning', 'A Sidecar in a namespace without sidecars.'),
  IST0173: code('warning', 'A subset selects no pod.'),
  IST0174: code('warning', 'A DestinationRule is for a host that nothing defines.'),
  IST0177: code('warning', 'ServiceEntries give one port of a host different protocols.'),

  SCL2001: code('warning', 'A route or match is shadowed by an earlier one.'),
  SCL2002: code('warning', 'A ServiceEntry admits all names under a public suffix.'),
  SCL2003: code('warning', 'A ServiceEntry admits every address.'),
  SCL2004: code('warning', 'TLS is originated and the server is not verified.'),
  SCL2005: code('warning', 'TLS is originated for a wildcard or TCP host without SNI.'),
  SCL2006: code('warning', 'A VirtualService is for a host that nothing defines.'),
  SCL2007: code('warning', 'A resource is exported to nobody who could use it.'),
  SCL2008: code('warning', 'HTTP routes for a port that carries TLS.'),
  SCL2009: code('warning', 'A TCP port of a ServiceEntry opens the port for every destination.'),
  SCL2010: code('warning', 'Overlapping address blocks lead to different outcomes.'),
} as const satisfies Readonly<Record<string, { readonly level: Diagnostic['level']; readonly meaning: string }>>;

export type CheckCode = keyof typeof checkCodes;

function code<const Level extends Diagnostic['level']>(
  level: Level,
  meaning: string,
): { readonly level: Level; readonly meaning: string } {
  return { level, meaning };
}

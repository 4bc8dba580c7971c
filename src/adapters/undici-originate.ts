import type { ConnectionOptions } from 'node:tls';
import { originationOptions } from '../upstream/tls-origination.ts';
import type { Guard, UpstreamTarget } from './seam.ts';
import type { Connector } from './undici-clone.ts';

type Options = Record<PropertyKey, unknown>;

/** What of them is read from files. */
const MATERIAL = ['ca', 'crl', 'cert', 'key'] as const satisfies readonly (keyof ConnectionOptions)[];

/**
 * Connect options, or a connector, for TLS to a target by the files of its rule as they are when a connection is made. undici
 * reads connect options once; when a file has changed, its connector is made anew, which also forgets the TLS sessions that
 * were begun with the former certificate.
 */
export function originatingConnect(
  guard: Guard,
  target: UpstreamTarget,
  connect: Options,
  connectorOf: (connect: Options) => Connector | undefined,
): Connector | Options {
  const tlsOfNow = (): ConnectionOptions => originationOptions(target, guard.meshCertificates);
  // A factory of the program makes connections by means of its own: it gets the options.
  if (connectorOf(connect) === undefined) return { ...connect, ...tlsOfNow() };
  let made: { readonly tls: ConnectionOptions; readonly connector: Connector | undefined } | undefined;
  return (options, callback) => {
    try {
      const tls = tlsOfNow();
      if (MATERIAL.some((name) => made?.tls[name] !== tls[name])) made = undefined;
      made ??= { tls, connector: connectorOf({ ...connect, ...tls }) };
    } catch (error) {
      // What a rule's files lack shows where a failed handshake would.
      setImmediate(callback, error as Error);
      return undefined;
    }
    return made.connector?.(options, callback);
  };
}

import type { Check } from './check.ts';
import { claimRoute } from './claim-route.ts';
import { conflictingGateway } from './conflicting-gateway.ts';
import { conflictingHosts } from './conflicting-hosts.ts';
import { conflictingProtocol } from './conflicting-protocol.ts';
import { deprecatedField } from './deprecated-field.ts';
import { destinationHost } from './destination-host.ts';
import { destinationSubset } from './destination-subset.ts';
import { duplicateCertificate } from './duplicate-certificate.ts';
import { gatewayCredential } from './gateway-credential.ts';
import { gatewayPort } from './gateway-port.ts';
import { schema } from './schema.ts';
import { serverVerification } from './server-verification.ts';
import { serviceEntryAddress } from './service-entry-address.ts';
import { servicePortName } from './service-port-name.ts';
import { sidecarSelector } from './sidecar-selector.ts';
import { subsetPods } from './subset-pods.ts';
import { virtualServiceGateway } from './virtual-service-gateway.ts';

import { shadowedRoute } from './shadowed-route.ts';
import { publicSuffix } from './public-suffix.ts';
import { everyAddress } from './every-address.ts';
import { tlsOrigination } from './tls-origination.ts';
import { unknownHost } from './unknown-host.ts';
import { hiddenExport } from './hidden-export.ts';
import { httpOnTlsPort } from './http-on-tls-port.ts';
import { openTcpPort } from './open-tcp-port.ts';
import { overlappingAddresses } from './overlapping-addresses.ts';

/** Every check, in the order of docs/checks.md. */
export const checks: readonly Check[] = [
  schema,
  destinationHost,
  destinationSubset,
  conflictingHosts,
  virtualServiceGateway,
  claimRoute,
  serviceEntryAddress,
  conflictingProtocol,
  subsetPods,
  serverVerification,
  sidecarSelector,
  servicePortName,
  deprecatedField,
  conflictingGateway,
  gatewayPort,
  gatewayCredential,
  duplicateCertificate,
  shadowedRoute,
  publicSuffix,
  everyAddress,
  tlsOrigination,
  unknownHost,
  hiddenExport,
  httpOnTlsPort,
  openTcpPort,
  overlappingAddresses,
];

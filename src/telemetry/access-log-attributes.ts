/**
 * Operators without parameter that an entry answers by name, for what few formats ask for. Those that a process has no
 * value for (it terminates no TLS of its application, and has no listener) print a dash.
 */
export const ATTRIBUTES: readonly string[] = [
  ...['UPSTREAM', 'DOWNSTREAM'].flatMap((side) => [
    `${side}_WIRE_BYTES_SENT`,
    `${side}_WIRE_BYTES_RECEIVED`,
    `${side}_HEADER_BYTES_SENT`,
    `${side}_HEADER_BYTES_RECEIVED`,
    `${side}_DECOMPRESSED_HEADER_BYTES_SENT`,
    `${side}_DECOMPRESSED_HEADER_BYTES_RECEIVED`,
    `${side}_DETECTED_CLOSE_TYPE`,
    `${side}_LOCAL_CLOSE_REASON`,
    `${side}_TLS_VERSION`,
    `${side}_TLS_CIPHER`,
    `${side}_TLS_GROUP`,
    `${side}_TLS_SESSION_ID`,
    `${side}_PEER_SUBJECT`,
    `${side}_PEER_ISSUER`,
    `${side}_PEER_CERT`,
    ...['PEER', 'LOCAL'].flatMap((end) =>
      ['DNS', 'URI', 'IP', 'EMAIL', 'OTHERNAME'].map((kind) => `${side}_${end}_${kind}_SAN`),
    ),
    `${side}_LOCAL_SUBJECT`,
  ]),
  'DOWNSTREAM_PEER_SERIAL',
  'DOWNSTREAM_PEER_FINGERPRINT_1',
  'DOWNSTREAM_PEER_FINGERPRINT_256',
  'DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1',
  'DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256',
  'DOWNSTREAM_PEER_CHAIN_SERIALS',
  'DOWNSTREAM_PEER_ISSUER_SERIAL',
  'DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256',
  'DOWNSTREAM_TRANSPORT_FAILURE_REASON',
  'DOWNSTREAM_HANDSHAKE_DURATION',
  'DOWNSTREAM_CX_RTT',
  'DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID',
  'DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID',
  'UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID',
  'UPSTREAM_SERVER_NAME',
  'UPSTREAM_HOSTS_ATTEMPTED',
  'UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT',
  'UPSTREAM_HOST_NAMES_ATTEMPTED',
  'UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT',
  'UPSTREAM_CONNECTION_ID',
  'UPSTREAM_CONNECTION_IDS_ATTEMPTED',
  'UPSTREAM_CONNECTION_POOL_READY_DURATION',
  'CONNECTION_ID',
  'BYTES_RETRANSMITTED',
  'PACKETS_RETRANSMITTED',
  'REQUEST_HEADERS_BYTES',
  'RESPONSE_HEADERS_BYTES',
  'RESPONSE_TRAILERS_BYTES',
  'ROUNDTRIP_DURATION',
  'TLS_JA3_FINGERPRINT',
  'TLS_JA4_FINGERPRINT',
  'TRACE_ID',
  'SPAN_ID',
  'UNIQUE_ID',
];

/** Operators that take a time format. */
export const CERTIFICATE_TIMES: readonly string[] = [
  'DOWNSTREAM_PEER_CERT_V_START',
  'DOWNSTREAM_PEER_CERT_V_END',
  'UPSTREAM_PEER_CERT_V_START',
  'UPSTREAM_PEER_CERT_V_END',
];

/** Operators that Envoy has, with the reason why a format that uses them is refused rather than printed wrong. */
export const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  ['CEL', 'there is no CEL evaluator'],
  ['TYPED_CEL', 'there is no CEL evaluator'],
]);

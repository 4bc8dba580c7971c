import { parseDurationNanoseconds } from '../schema/duration.ts';
import type { ConnectionPoolFields } from '../schema/connection-pool.ts';
import type { Report } from './problem.ts';
import { validateDuration } from './time.ts';

export function validateConnectionPool(report: Report, field: string, pool: ConnectionPoolFields | undefined): void {
  if (pool === undefined) return;
  const { tcp, http } = pool;
  if (tcp === undefined && http === undefined) {
    report.error(
      'emptySettings',
      field,
      'connectionPool sets neither tcp nor http',
      'set one of them, or remove connectionPool',
    );
    return;
  }
  if (http !== undefined) validateHttpPool(report, `${field}.http`, http);
  if (tcp === undefined) return;
  validateCount(report, `${field}.tcp.maxConnections`, tcp.maxConnections);
  validateDuration(report, `${field}.tcp.connectTimeout`, tcp.connectTimeout);
  validateDuration(report, `${field}.tcp.maxConnectionDuration`, tcp.maxConnectionDuration);
  // 0 switches it off.
  if (parseDurationNanoseconds(tcp.idleTimeout ?? '') !== 0n) {
    validateDuration(report, `${field}.tcp.idleTimeout`, tcp.idleTimeout);
  }
  validateDuration(report, `${field}.tcp.tcpKeepalive.time`, tcp.tcpKeepalive?.time);
  validateDuration(report, `${field}.tcp.tcpKeepalive.interval`, tcp.tcpKeepalive?.interval);
}

function validateHttpPool(report: Report, field: string, http: NonNullable<ConnectionPoolFields['http']>): void {
  for (const name of [
    'http1MaxPendingRequests',
    'http2MaxRequests',
    'maxRequestsPerConnection',
    'maxRetries',
    'maxConcurrentStreams',
  ] as const) {
    validateCount(report, `${field}.${name}`, http[name]);
  }
  validateDuration(report, `${field}.idleTimeout`, http.idleTimeout);
  if (http.h2UpgradePolicy === 'UPGRADE' && http.useClientProtocol === true) {
    report.error(
      'clientProtocolWithUpgrade',
      `${field}.useClientProtocol`,
      'h2UpgradePolicy UPGRADE and useClientProtocol contradict each other',
      'remove one of them',
    );
  }
  const keepAlive = http.http2KeepAlive;
  if (keepAlive === undefined) return;
  for (const name of ['interval', 'timeout'] as const) {
    const value = keepAlive[name];
    if (value === undefined)
      report.error('keepAlive', `${field}.http2KeepAlive.${name}`, `http2KeepAlive needs ${name}`);
    validateDuration(report, `${field}.http2KeepAlive.${name}`, value);
  }
}

function validateCount(report: Report, field: string, value: number | undefined): void {
  if (value !== undefined && value < 0)
    report.error('count', field, `${value} is negative`, 'leave it out for no limit');
}

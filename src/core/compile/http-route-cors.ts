import { parseDurationMs } from '../match/duration.ts';
import type { CorsRules } from '../model/decision.ts';
import type { CorsPolicy } from '../model/virtual-service.ts';

/** Istio's `TranslateCORSPolicy`. Lists become the header values that they are sent as. */
export function translateCorsPolicy(policy: CorsPolicy | undefined): CorsRules | undefined {
  if (policy === undefined) return undefined;
  const allowOrigins = policy.allowOrigins ?? (policy.allowOrigin ?? []).map((exact) => ({ exact }));
  const allowMethods = join(policy.allowMethods);
  const allowHeaders = join(policy.allowHeaders);
  const exposeHeaders = join(policy.exposeHeaders);
  return {
    allowOrigins,
    ...(allowMethods !== '' && { allowMethods }),
    ...(allowHeaders !== '' && { allowHeaders }),
    ...(exposeHeaders !== '' && { exposeHeaders }),
    ...(policy.maxAge !== undefined && { maxAge: String(Math.trunc(parseDurationMs(policy.maxAge) / 1000)) }),
    ...(policy.allowCredentials !== undefined && { allowCredentials: policy.allowCredentials }),
    forwardUnmatchedPreflights: policy.unmatchedPreflights !== 'IGNORE',
  };
}

function join(values: readonly string[] | undefined): string {
  return (values ?? []).join(',');
}

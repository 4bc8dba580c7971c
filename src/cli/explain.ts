import { explain } from '../core/index.ts';
import type { Explanation, ResourceRef, Workload } from '../core/index.ts';
import { loadMeshConfig } from '../config/load.ts';
import { EgressConfigError } from '../errors.ts';
import { connectionTo } from '../testing/connection-to.ts';
import type { Command, Streams } from './command.ts';
import { parseOptions, UsageError } from './command.ts';

const OPTIONS = {
  method: { type: 'string', short: 'X' },
  header: { type: 'string', short: 'H', multiple: true },
  address: { type: 'string' },
  sni: { type: 'string' },
  authority: { type: 'string' },
  protocol: { type: 'string' },
  namespace: { type: 'string', short: 'n' },
  label: { type: 'string', short: 'l', multiple: true },
  json: { type: 'boolean' },
} as const;

export const explainCommand: Command = {
  name: 'explain',
  summary: 'say what happens to one connection, step by step, and by which resource',
  usage: `Usage: sidecarless explain <url | host:port> <file | directory | glob>... [options]

Decides one connection as the guarded program would, and says why.
A URL has the scheme http, https, ws, wss, tcp or tls.

Options:
  -X, --method METHOD     HTTP method (GET)
  -H, --header 'N: V'     request header; may be repeated
      --address IP        the address that the name resolved to
      --sni NAME          TLS server name, when it is not the URL's host
      --authority HOST    Host header, when it is not the URL's host
      --protocol P        http1, http2, grpc or tcp
  -n, --namespace NS      who asks: namespace (default)
  -l, --label KEY=VALUE   who asks: label; may be repeated
      --json              print the explanation as JSON

Exit codes: 0 the connection goes, 1 it is denied or the policy does not load, 2 wrong usage.`,
  run,
};

function run(argv: readonly string[], streams: Streams): number {
  const { values, positionals } = parseOptions(argv, OPTIONS);
  const [target, ...paths] = positionals;
  if (target === undefined || paths.length === 0)
    throw new UsageError('a destination and at least one path are needed');
  const workload = workloadOf(values.namespace, values.label ?? []);
  let connection;
  try {
    connection = connectionTo(target, {
      ...(values.method === undefined ? {} : { method: values.method }),
      headers: headersOf(values.header ?? []),
      ...(values.address === undefined ? {} : { address: values.address }),
      ...(values.sni === undefined ? {} : { sni: values.sni }),
      ...(values.authority === undefined ? {} : { authority: values.authority }),
      ...(values.protocol === undefined ? {} : { protocol: protocolOf(values.protocol) }),
      ...(workload ? { workload } : {}),
    });
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
  try {
    const explanation = explain(connection, loadMeshConfig(paths));
    streams.out(values.json ? JSON.stringify(explanation, null, 2) : render(target, explanation));
    return explanation.decision.action === 'deny' ? 1 : 0;
  } catch (error) {
    if (!(error instanceof EgressConfigError)) throw error;
    streams.err(error.message);
    return 1;
  }
}

/** The explanation as a person reads it. */
export function render(target: string, explanation: Explanation): string {
  const { decision, steps, nearestMiss, suggestion } = explanation;
  const timeout = decision.action === 'timeout' ? ` after ${decision.timeoutMs} ms` : '';
  return [
    `${target}: ${decision.action}${timeout} (${decision.reason})${decision.cluster ? `, cluster ${decision.cluster}` : ''}`,
    ...decision.determinedBy.map((ref) => `  by ${placed(ref)}`),
    '',
    ...steps.map(({ step, outcome }) => `  ${step}: ${outcome}`),
    ...(nearestMiss ? ['', `nearest miss: ${nearestMiss}`] : []),
    ...(decision.action === 'deny' && suggestion ? ['', 'this would allow it:', '', suggestion.trimEnd()] : []),
  ].join('\n');
}

function placed({ kind, namespace, name, source }: ResourceRef): string {
  const place = source?.file ? ` (${source.file}${source.line === undefined ? '' : `:${source.line}`})` : '';
  return `${kind} ${namespace}/${name}${place}`;
}

function headersOf(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      if (colon < 1) throw new UsageError(`\`${line}\` is not a header: write \`Name: value\``);
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    }),
  );
}

function protocolOf(name: string): 'http1' | 'http2' | 'grpc' | 'tcp' {
  if (name === 'http1' || name === 'http2' || name === 'grpc' || name === 'tcp') return name;
  throw new UsageError(`\`${name}\` is not a protocol: use http1, http2, grpc or tcp`);
}

function workloadOf(namespace: string | undefined, labels: readonly string[]): Workload | undefined {
  if (namespace === undefined && labels.length === 0) return undefined;
  const pairs = labels.map((label) => {
    const equals = label.indexOf('=');
    if (equals < 1) throw new UsageError(`\`${label}\` is not a label: write \`key=value\``);
    return [label.slice(0, equals), label.slice(equals + 1)] as const;
  });
  return { namespace: namespace ?? 'default', labels: Object.fromEntries(pairs) };
}

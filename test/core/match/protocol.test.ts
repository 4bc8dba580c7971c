import { describe, expect, it } from 'vitest';
import {
  afterTlsTermination,
  convertKubernetesProtocol,
  isGrpc,
  isHttp,
  isHttp2,
  isHttpOrSniffed,
  isSniffed,
  isTcp,
  isTls,
  parseProtocol,
  type Protocol,
} from '../../../src/core/match/protocol.ts';
import { factsOf, readFacts } from './facts.ts';

const facts = readFacts('protocols');

/** Istio's own spelling of a protocol it does not know. */
const UNSUPPORTED = 'UnsupportedProtocol';

function agree<Input>(name: string, ours: (input: Input) => unknown): void {
  it(name, () => {
    const recorded = factsOf(facts, name);
    expect(recorded.length).toBeGreaterThan(0);
    for (const { input, result } of recorded) expect([input, ours(input as Input)]).toEqual([input, result]);
  });
}

function protocol(name: string): Protocol {
  return name === UNSUPPORTED ? 'Unsupported' : (name as Protocol);
}

function spelt(name: Protocol): string {
  return name === 'Unsupported' ? UNSUPPORTED : name;
}

describe('agrees with what Istio answers', () => {
  agree<string>('Parse', (name) => spelt(parseProtocol(name)));
  agree<{ port: number; portName: string; proto: string; appProto: string | null }>(
    'ConvertProtocol',
    ({ port, portName, proto, appProto }) =>
      spelt(convertKubernetesProtocol(port, portName, proto, appProto ?? undefined)),
  );
  agree<string>('Instance', (name) => ({
    afterTLSTermination: spelt(afterTlsTermination(protocol(name))),
    isGRPC: isGrpc(protocol(name)),
    isHTTP: isHttp(protocol(name)),
    isHTTP2: isHttp2(protocol(name)),
    isHTTPOrSniffed: isHttpOrSniffed(protocol(name)),
    isHTTPS: protocol(name) === 'HTTPS',
    isTCP: isTcp(protocol(name)),
    isTLS: isTls(protocol(name)),
    isUnsupported: isSniffed(protocol(name)),
  }));
  agree<string>('Instance.IsHTTP', (name) => isHttp(protocol(name)));
});

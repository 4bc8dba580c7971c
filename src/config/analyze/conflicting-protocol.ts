import type { ServiceEntrySpec } from '../../core/model/service-entry.ts';
import type { Analyzed } from './analysis.ts';
import type { Check } from './check.ts';
import { exportScopes } from './scoped-host.ts';

interface Declared {
  readonly entry: Analyzed<ServiceEntrySpec>;
  readonly protocol: string;
}

/** ServiceEntries that give one port of one host different protocols. */
export const conflictingProtocol: Check = {
  id: 'conflicting-protocol',
  codes: ['IST0177'],
  istio: 'serviceentry.ConflictingServiceEntryProtocolAnalyzer',
  run(analysis) {
    const declared = new Map<string, Declared[]>();
    const scopes = new Set<string>();
    const hostPorts = new Set<string>();
    for (const entry of analysis.all('ServiceEntry')) {
      for (const scope of exportScopes(entry.spec.exportTo, entry.namespace)) {
        scopes.add(scope);
        for (const host of entry.spec.hosts ?? []) {
          for (const { number, protocol = '' } of entry.spec.ports ?? []) {
            hostPorts.add(`${host}:${number}`);
            const key = `${scope}/${host}:${number}`;
            declared.set(key, [...(declared.get(key) ?? []), { entry, protocol: protocol.toUpperCase() }]);
          }
        }
      }
    }
    const reported = new Set<string>();
    for (const hostPort of hostPorts) {
      for (const scope of scopes) {
        const own = declared.get(`${scope}/${hostPort}`) ?? [];
        if (own.length === 0) continue;
        const all = scope === '*' ? own : [...own, ...(declared.get(`*/${hostPort}`) ?? [])];
        const protocols = [...new Set(all.map(({ protocol }) => protocol))].sort();
        for (const { entry } of protocols.length < 2 ? [] : all) {
          if (reported.has(entry.fullName)) continue;
          reported.add(entry.fullName);
          analysis.report(
            'IST0177',
            entry,
            `${hostPort} is declared as ${protocols.map((name) => name || 'unset').join(' and ')}`,
            {
              field: 'spec.ports',
              fix: 'give the port one protocol',
            },
          );
        }
      }
    }
  },
};

import { parse } from 'tldts';
import type { Check } from './check.ts';

/** Wildcards that admit names of anybody: `*.com`, `*.co.uk`, `*.github.io`, `*shop.com`. */
export const publicSuffix: Check = {
  id: 'public-suffix',
  codes: ['SCL2002'],
  run(analysis) {
    for (const entry of analysis.all('ServiceEntry')) {
      for (const [index, host] of (entry.spec.hosts ?? []).entries()) {
        const breadth = strangersUnder(host);
        if (breadth === undefined) continue;
        analysis.report('SCL2002', entry, `${host} admits ${breadth}`, {
          field: `spec.hosts[${index}]`,
          fix: 'name the domain that you mean, such as *.example.com',
        });
      }
    }
  },
};

/** Whose names a wildcard covers beside one owner's; undefined when it stays with one owner. */
function strangersUnder(host: string): string | undefined {
  if (!host.startsWith('*')) return undefined;
  const wholeLabels = host.startsWith('*.');
  const rest = wholeLabels ? host.slice(2) : host.slice(1);
  const { publicSuffix: suffix, domain, isIcann, isPrivate } = parse(rest, { allowPrivateDomains: true });
  if (suffix === null || (isIcann !== true && isPrivate !== true)) return undefined;
  if (suffix === rest)
    return `every name under ${isPrivate === true ? 'the shared domain' : 'the public suffix'} ${suffix}`;
  // `*shop.com` is also `workshop.com`, which is somebody else's.
  return !wholeLabels && domain === rest ? `every domain that ends in ${rest}` : undefined;
}

const LABEL = '[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?';
const DNS_LABEL = new RegExp(`^${LABEL}$`);
const WILDCARD_LABEL = new RegExp(`^(?:\\*|(?:\\*|\\*-)?${LABEL})$`);
const QUALIFIED_NAME = '(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_KEY = new RegExp(`^(${LABEL}(?:\\.${LABEL})*/)?(${QUALIFIED_NAME})$`);
const LABEL_VALUE = new RegExp(`^(?:${QUALIFIED_NAME})?$`);
const MAX_LABEL = 63;

/** Istio's DNS-1123 label: letters of either case, digits and inner hyphens, 63 at most. */
export function isDnsLabel(text: string): boolean {
  return text.length <= MAX_LABEL && DNS_LABEL.test(text);
}

/** The same with `*` alone, or before it: `*`, `*foo`, `*-foo`. */
export function isWildcardDnsLabel(text: string): boolean {
  return text.length <= MAX_LABEL && WILDCARD_LABEL.test(text);
}

/** What is wrong with the key of a Kubernetes label: an optional domain and `/`, then a name. */
export function labelKeyProblem(key: string): string | undefined {
  const parts = LABEL_KEY.exec(key);
  if (parts === null) return `label name ${JSON.stringify(key)} is not a Kubernetes label name`;
  if ((parts[1] ?? '').length - 1 > 253)
    return `label name ${JSON.stringify(key)} has a domain of more than 253 characters`;
  if ((parts[2] ?? '').length > MAX_LABEL) return `label name ${JSON.stringify(key)} is longer than 63 characters`;
  return undefined;
}

/** Istio does not look at the length. */
export function labelValueProblem(value: string): string | undefined {
  if (LABEL_VALUE.test(value)) return undefined;
  return `label value ${JSON.stringify(value)} is not a Kubernetes label value`;
}

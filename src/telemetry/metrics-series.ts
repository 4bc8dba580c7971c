import type { Labels } from './metrics-labels.ts';

/** Labels with their exposition text, which is also what series are told apart by. */
export interface LabelSet {
  readonly labels: Labels;
  readonly text: string;
}

export function labelSet(labels: Labels): LabelSet {
  return { labels, text: labelText(labels) };
}

/** Envoy's default histogram buckets: upper bounds, the last is +Inf. */
export const BUCKETS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** A monotonic counter with labels. */
export class Counter {
  readonly name: string;
  readonly #help: string;
  readonly #series = new Map<string, { readonly labels: Labels; value: number }>();

  constructor(name: string, help: string) {
    this.name = name;
    this.#help = help;
  }

  add({ labels, text: key }: LabelSet, amount = 1): void {
    const series = this.#series.get(key);
    if (series === undefined) this.#series.set(key, { labels, value: amount });
    else series.value += amount;
  }

  values(): readonly Sample[] {
    return [...this.#series.values()];
  }

  text(): string {
    const lines = [...this.#series].map(([key, series]) => `${this.name}${braces(key)} ${series.value}\n`);
    return lines.length === 0 ? '' : header(this.name, this.#help, 'counter') + lines.join('');
  }
}

/** Counts of observations at or below each bound, their sum and their number. */
export class Histogram {
  readonly name: string;
  readonly #help: string;
  readonly #series = new Map<
    string,
    { readonly labels: Labels; readonly counts: number[]; sum: number; count: number }
  >();

  constructor(name: string, help: string) {
    this.name = name;
    this.#help = help;
  }

  observe({ labels, text: key }: LabelSet, value: number): void {
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, counts: new Array<number>(BUCKETS.length).fill(0), sum: 0, count: 0 };
      this.#series.set(key, series);
    }
    const bucket = BUCKETS.findIndex((bound) => value <= bound);
    if (bucket >= 0) series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += value;
    series.count += 1;
  }

  /** The number of observations. */
  values(): readonly Sample[] {
    return [...this.#series.values()].map(({ labels, count }) => ({ labels, value: count }));
  }

  text(): string {
    if (this.#series.size === 0) return '';
    let text = header(this.name, this.#help, 'histogram');
    for (const [key, series] of this.#series) {
      let cumulative = 0;
      BUCKETS.forEach((bound, index) => {
        cumulative += series.counts[index] ?? 0;
        text += `${this.name}_bucket${braces(key, bound)} ${cumulative}\n`;
      });
      text += `${this.name}_bucket${braces(key, Infinity)} ${series.count}\n`;
      text += `${this.name}_sum${braces(key)} ${series.sum}\n${this.name}_count${braces(key)} ${series.count}\n`;
    }
    return text;
  }
}

function header(name: string, help: string, type: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

function labelText(labels: Labels): string {
  let text = '';
  for (const name of Object.keys(labels))
    text += `${text === '' ? '' : ','}${name}="${escapeLabel(labels[name] ?? '')}"`;
  return text;
}

function escapeLabel(value: string): string {
  return /[\\"\n]/.test(value) ? value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n') : value;
}

function braces(labels: string, bound?: number): string {
  const le = bound === undefined ? '' : `${labels === '' ? '' : ','}le="${bound === Infinity ? '+Inf' : bound}"`;
  return labels + le === '' ? '' : `{${labels}${le}}`;
}

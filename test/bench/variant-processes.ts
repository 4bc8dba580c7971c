import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Block } from './blocks.ts';
import { processSeconds } from './machine.ts';
import type { VariantOrder } from './variant-process.ts';
import { VARIANTS, type Variant } from './variants.ts';

/** Each variant in a process of its own, all of them warm. */
export class VariantProcesses {
  readonly #children: Readonly<Record<Variant, ChildProcess>>;

  private constructor(children: Readonly<Record<Variant, ChildProcess>>) {
    this.#children = children;
  }

  static async open(order: Omit<VariantOrder, 'variant'>): Promise<VariantProcesses> {
    const children: Partial<Record<Variant, ChildProcess>> = {};
    for (const variant of VARIANTS) {
      const child = fork(fileURLToPath(new URL('./variant-process.ts', import.meta.url)));
      children[variant] = child;
      child.send({ ...order, variant } satisfies VariantOrder);
      await once(child, 'message');
    }
    return new VariantProcesses(children as Record<Variant, ChildProcess>);
  }

  async block(variant: Variant): Promise<Block> {
    const child = this.#children[variant];
    child.send('block');
    const [block] = (await once(child, 'message')) as [Block];
    return block;
  }

  /** Gives the seconds of processor time that they used. */
  close(): number {
    const children = Object.values(this.#children);
    const seconds = children.reduce((sum, { pid }) => sum + processSeconds(pid ?? 0), 0);
    for (const child of children) child.disconnect();
    return seconds;
  }
}

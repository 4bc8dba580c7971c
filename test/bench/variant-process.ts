/** One variant of a benchmark in a process of its own, which runs a block whenever its parent asks for one. */
import { runBlock } from './blocks.ts';
import { openClient, type ClientName, type Load } from './clients.ts';
import type { ServerReady } from './server-process.ts';
import { openVariants, type Variant } from './variants.ts';

/** What a parent sends first. */
export interface VariantOrder {
  readonly variant: Variant;
  readonly client: ClientName;
  readonly load: Load;
  readonly server: ServerReady;
  /** Requests before the first block, and in each. */
  readonly warmUp: number;
  readonly count: number;
}

async function serve({ variant, client, load, server, warmUp, count }: VariantOrder): Promise<void> {
  const variants = await openVariants(server);
  process.once('disconnect', () => {
    variants.close();
    process.exit();
  });
  variants.install(variant);
  const opened = await openClient(client, load, server);
  if (!opened) throw new Error(`${client} is not installed`);
  await runBlock(opened, load, { warmUp, count: 1 });
  process.on('message', () => void runBlock(opened, load, { warmUp: 0, count }).then((block) => process.send?.(block)));
  process.send?.('ready');
}

if (process.send) process.once('message', (order: VariantOrder) => void serve(order));

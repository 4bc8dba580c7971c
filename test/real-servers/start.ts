import type { KeyPair } from '../tls/certificates.ts';
import { findProgram, Place, type Running } from './daemon.ts';
import { recipes } from './recipes.ts';

export interface RealServers {
  /** What runs, by the name of its recipe. */
  readonly running: ReadonlyMap<string, Running>;
  /** What is not installed. */
  readonly missing: readonly string[];
  /** The text of a log that a server keeps. */
  log(name: string, file: string): string;
  stop(): Promise<void>;
}

/** Of the servers that are known here, those that are not installed. */
export function missingServers(): string[] {
  const absent = recipes([]).filter(({ programs }) => programs.some((program) => findProgram(program) === undefined));
  return absent.map(({ name }) => name);
}

/** Starts every server that is installed here, or those of `only`. One that is there and does not start is an error. */
export async function startRealServers(
  certificate: KeyPair,
  { names = [], only }: { readonly names?: readonly string[]; readonly only?: readonly string[] } = {},
): Promise<RealServers> {
  const places = new Map<string, Place>();
  const running = new Map<string, Running>();
  const missing = missingServers();
  const stop = async (): Promise<void> => {
    await Promise.all([...places.values()].map((place) => place.stop()));
  };
  const wanted = recipes(names).filter(({ name }) => !missing.includes(name) && (only?.includes(name) ?? true));
  try {
    await Promise.all(
      wanted.map(async ({ name, start }) => {
        const place = new Place(name, certificate);
        places.set(name, place);
        running.set(name, await start(place));
      }),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { running, missing, log: (name, file) => places.get(name)?.read(file) ?? '', stop };
}

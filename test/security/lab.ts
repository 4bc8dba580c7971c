/** A policy that admits one host, its server, and a second server that nobody is admitted to. */
import net from 'node:net';
import { expect } from 'vitest';
import { httpServer, mesh, REGISTRY_ONLY, serviceEntry, type Lab } from '../adapters/lab.ts';
import type { MeshConfig } from '../../src/core/model/mesh-config.ts';
import { findEgressError } from '../../src/errors.ts';

export const HOST = 'api.example.com';
export const EVIL = 'evil.example';

export interface Pair {
  readonly web: Lab;
  /** What it has seen is what an attack gained. */
  readonly forbidden: Lab;
  readonly policy: MeshConfig;
  close(): Promise<void>;
}

export async function pair(...more: string[]): Promise<Pair> {
  const web = await httpServer();
  const forbidden = await httpServer();
  const policy = mesh(
    REGISTRY_ONLY,
    serviceEntry(HOST, web.port),
    serviceEntry('other.example.com', web.port),
    ...more,
  );
  return {
    web,
    forbidden,
    policy,
    close: async () => {
      await web.close();
      await forbidden.close();
    },
  };
}

/** What an attempt failed with, thrown or told; undefined when it succeeded. */
export async function failureOf(attempt: () => unknown): Promise<Error | undefined> {
  try {
    const outcome = await attempt();
    if (outcome instanceof net.Socket) return await failureOfSocket(outcome);
    return (outcome as { error?: Error } | undefined)?.error;
  } catch (error) {
    return error as Error;
  }
}

function failureOfSocket(socket: net.Socket): Promise<Error | undefined> {
  return new Promise((resolve) => {
    socket.once('error', resolve).once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
  });
}

/** The attempt fails as a denial, and nothing of it reaches a server. */
export async function expectDenied({ web, forbidden }: Pair, attempt: () => unknown, why?: string): Promise<void> {
  const before = [web.connections, forbidden.connections];
  const error = await failureOf(attempt);
  await new Promise((resolve) => setImmediate(resolve));
  expect(findEgressError(error)?.code, `${why ?? 'attempt'}: ${error?.stack}`).toBe('ERR_EGRESS_DENIED');
  expect([web.connections, forbidden.connections], why).toEqual(before);
}

/** Nothing of it reaches a server; whether Node or the policy refuses is Node's business. */
export async function expectNothing({ web, forbidden }: Pair, attempt: () => unknown, why?: string): Promise<void> {
  const before = [web.connections, forbidden.connections];
  expect(await failureOf(attempt), why).toBeInstanceOf(Error);
  await new Promise((resolve) => setImmediate(resolve));
  expect([web.connections, forbidden.connections], why).toEqual(before);
}

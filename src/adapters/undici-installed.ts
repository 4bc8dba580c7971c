import type { Guard } from './seam.ts';

const installed = new WeakSet<Guard>();

/** Whether the requests of all dispatchers, and the sockets below them, are governed as well. */
export function isInstalled(guard: Guard): boolean {
  return installed.has(guard);
}

export function noteInstalled(guard: Guard, present: boolean): void {
  if (present) installed.add(guard);
  else installed.delete(guard);
}

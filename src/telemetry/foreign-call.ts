/** Calls into what others gave us: watchers, sinks, listeners for warnings. What breaks there breaks nothing here. */

/** Runs it; what it throws, and what it rejects with when it gives a promise, goes to `failed`, else nowhere. */
export function callSilently(action: () => unknown, failed?: (error: unknown) => void): void {
  try {
    const result = action();
    if (result !== undefined) noteRejection(result, failed);
  } catch (error) {
    failed?.(error);
  }
}

/** Whatever a call gave: an async function may stand where nothing is awaited, and its rejection would end the process. */
export function noteRejection(result: unknown, failed?: (error: unknown) => void): void {
  if (typeof result !== 'object' || result === null || !('then' in result) || typeof result.then !== 'function') return;
  void Promise.resolve(result).catch((error: unknown) => failed?.(error));
}

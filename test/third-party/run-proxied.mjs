export async function runProxied() {}

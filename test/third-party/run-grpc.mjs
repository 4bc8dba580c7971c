export async function runGrpc() {}

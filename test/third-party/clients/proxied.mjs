export const proxiedClients = [];

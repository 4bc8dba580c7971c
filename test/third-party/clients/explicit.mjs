export const explicitClients = [];

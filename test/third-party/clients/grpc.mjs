export const grpcClients = [];

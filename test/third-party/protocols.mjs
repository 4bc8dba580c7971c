/** The servers of protocols that are not HTTP, by the first label of the name under which clients dial them. */

/** As what the mesh config declares each: those of TLS speak it from the first byte. */
export const PROTOCOLS = {
  redis: 'TCP',
  rediss: 'TLS',
  postgres: 'TCP',
  mysql: 'TCP',
  smtp: 'TCP',
  smtps: 'TLS',
  mqtt: 'TCP',
  mqtts: 'TLS',
  mongodb: 'TCP',
  mongodbs: 'TLS',
  kafka: 'TCP',
  kafkas: 'TLS',
  amqp: 'TCP',
  amqps: 'TLS',
  ldap: 'TCP',
  ldaps: 'TLS',
  ssh: 'TCP',
};

/** Those that only run where they are installed. */
export const INSTALLED = { nginx: 'HTTP', nginxs: 'HTTPS', squid: 'TCP' };

/** A server for each protocol that is not HTTP, by the first label of the name under which clients dial it. */
import { amqp } from './amqp.mjs';
import { kafka } from './kafka.mjs';
import { ldap } from './ldap.mjs';
import { plain, secure } from './listen.mjs';
import { mongodb } from './mongodb.mjs';
import { mqtt } from './mqtt.mjs';
import { mysql } from './mysql.mjs';
import { postgres } from './postgres.mjs';
import { redis } from './redis.mjs';
import { smtp } from './smtp.mjs';
import { ssh } from './ssh.mjs';

export function protocolServers(certificate, kafkaName) {
  return {
    redis: plain(redis()),
    rediss: secure(redis(), certificate),
    // These begin TLS when they are asked to.
    postgres: plain(postgres(certificate)),
    mysql: plain(mysql(certificate)),
    smtp: plain(smtp(certificate)),
    smtps: secure(smtp(), certificate),
    mqtt: plain(mqtt()),
    mqtts: secure(mqtt(), certificate),
    mongodb: plain(mongodb()),
    mongodbs: secure(mongodb(), certificate),
    kafka: plain(kafka(kafkaName ?? 'kafka.mesh.test')),
    kafkas: secure(kafka(kafkaName ?? 'kafkas.mesh.test'), certificate),
    amqp: plain(amqp()),
    amqps: secure(amqp(), certificate),
    ldap: plain(ldap(certificate)),
    ldaps: secure(ldap(), certificate),
    ssh: plain(ssh()),
  };
}

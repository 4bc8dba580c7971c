/** How each server is configured: the least that it needs to serve on loopback. */
import { join } from 'node:path';
import { freePort, type Recipe } from './daemon.ts';

/** Tells in JSON what it saw of each request. Ports: `nginx`, and `nginxs` inside TLS, which also speaks HTTP/2. */
const nginx: Recipe = {
  name: 'nginx',
  programs: ['nginx'],
  async start(place) {
    const ports = { nginx: await freePort(), nginxs: await freePort() };
    const modules = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const temporary = modules.map((name) => `${name}_temp_path ${join(place.folder, name)};`);
    const seen = ['host', 'request_uri', 'server_protocol', 'ssl_server_name', 'http_x_added'];
    const answer = `{${seen.map((name) => `"${name}":"$${name}"`).join(',')}}`;
    const config = place.write(
      'nginx.conf',
      `pid ${join(place.folder, 'nginx.pid')};
error_log stderr;
events {}
http {
  access_log ${join(place.folder, 'access.log')};
  ${temporary.join('\n  ')}
  server {
    listen 127.0.0.1:${ports.nginx};
    listen 127.0.0.1:${ports.nginxs} ssl http2;
    ssl_certificate ${place.certFile};
    ssl_certificate_key ${place.keyFile};
    default_type application/json;
    location / { return 200 '${answer}'; }
  }
}
`,
    );
    await place.serve('nginx', ['-e', 'stderr', '-p', place.folder, '-c', config, '-g', 'daemon off;'], ports);
    return { version: place.version('nginx', ['-v']), ports };
  },
};

/** A forward proxy that finds every name it is told of on loopback. Port: `squid`. */
function squid(names: readonly string[]): Recipe {
  return {
    name: 'squid',
    programs: ['squid'],
    async start(place) {
      const ports = { squid: await freePort() };
      const hosts = place.write('hosts', `127.0.0.1 ${names.join(' ')}\n`);
      const config = place.write(
        'squid.conf',
        `http_port 127.0.0.1:${ports.squid}
http_access allow all
hosts_file ${hosts}
cache deny all
cache_mem 0
memory_cache_shared off
access_log stdio:${join(place.folder, 'access.log')}
cache_log ${join(place.folder, 'cache.log')}
pid_filename none
netdb_filename none
pinger_enable off
coredump_dir ${place.folder}
visible_hostname proxy.test
shutdown_lifetime 0 seconds
`,
      );
      await place.serve('squid', ['-N', '-n', `sidecarless${process.pid}`, '-f', config], ports);
      return { version: place.version('squid', ['-v']), ports };
    },
  };
}

/** Ports: `redis`, and `rediss` inside TLS. */
const redis: Recipe = {
  name: 'redis',
  programs: ['redis-server'],
  async start(place) {
    const ports = { redis: await freePort(), rediss: await freePort() };
    const settings = {
      bind: '127.0.0.1',
      port: ports.redis,
      'tls-port': ports.rediss,
      'tls-cert-file': place.certFile,
      'tls-key-file': place.keyFile,
      'tls-auth-clients': 'no',
      save: '""',
      appendonly: 'no',
      dir: place.folder,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
    await place.serve('redis-server', [place.write('redis.conf', lines.join(''))], ports);
    return { version: place.version('redis-server', ['--version']), ports };
  },
};

/** Anybody may log in to the database `d` as `u`; TLS on request. Port: `postgres`. */
const postgres: Recipe = {
  name: 'postgres',
  programs: ['initdb', 'postgres'],
  async start(place) {
    const ports = { postgres: await freePort() };
    const data = join(place.folder, 'data');
    place.run('initdb', ['-D', data, '-U', 'u', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']);
    place.run('postgres', ['--single', '-D', data, 'postgres'], 'CREATE DATABASE d\n');
    const settings = {
      listen_addresses: '127.0.0.1',
      port: ports.postgres,
      unix_socket_directories: '',
      fsync: 'off',
      ssl: 'on',
      ssl_cert_file: place.certFile,
      ssl_key_file: place.keyFile,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    await place.serve('postgres', ['-D', data, ...args], ports);
    return { version: place.version('postgres', ['--version']), ports };
  },
};

/** Ports: `mqtt`, and `mqtts` inside TLS. */
const mosquitto: Recipe = {
  name: 'mosquitto',
  programs: ['mosquitto'],
  async start(place) {
    const ports = { mqtt: await freePort(), mqtts: await freePort() };
    const config = place.write(
      'mosquitto.conf',
      `allow_anonymous true
persistence false
log_dest stderr
listener ${ports.mqtt} 127.0.0.1
listener ${ports.mqtts} 127.0.0.1
certfile ${place.certFile}
keyfile ${place.keyFile}
`,
    );
    await place.serve('mosquitto', ['-c', config], ports);
    return { version: place.version('mosquitto', ['-h']), ports };
  },
};

/** One directory `dc=mesh,dc=test`, and its administrator `cn=u` with the password `p`. Ports: `ldap`, `ldaps`. */
const slapd: Recipe = {
  name: 'slapd',
  programs: ['slapd', 'slapadd'],
  async start(place) {
    const ports = { ldap: await freePort(), ldaps: await freePort() };
    const directory = place.folderFor('directory');
    const config = place.write(
      'slapd.conf',
      `include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile ${join(place.folder, 'slapd.pid')}
TLSCertificateFile ${place.certFile}
TLSCertificateKeyFile ${place.keyFile}
database mdb
suffix dc=mesh,dc=test
rootdn cn=u,dc=mesh,dc=test
rootpw p
directory ${directory}
`,
    );
    const top = 'dn: dc=mesh,dc=test\nobjectClass: dcObject\nobjectClass: organization\ndc: mesh\no: mesh\n';
    place.run('slapadd', ['-f', config], top);
    const urls = `ldap://127.0.0.1:${ports.ldap}/ ldaps://127.0.0.1:${ports.ldaps}/`;
    await place.serve('slapd', ['-d', '0', '-f', config, '-h', urls], ports);
    return { version: place.version('slapd', ['-VV']), ports };
  },
};

/** All that are known; `names` are the hosts that a proxy finds on loopback. */
export function recipes(names: readonly string[]): readonly Recipe[] {
  return [nginx, squid(names), redis, postgres, mosquitto, slapd];
}

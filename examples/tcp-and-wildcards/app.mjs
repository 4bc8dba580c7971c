import { report, viaHttp, viaTcp, viaTls } from '../lab/client.mjs';

report('net.connect 127.0.2.10:27017', await viaTcp('127.0.2.10', 27017));
report('net.connect mongo.internal:27017', await viaTcp('mongo.internal', 27017));
report('net.connect 127.0.9.10:27017', await viaTcp('127.0.9.10', 27017));
report('tls.connect en.wikipedia.org:443', await viaTls('en.wikipedia.org', 443));
report('http.get http://partner.example/', await viaHttp('http://partner.example/'));

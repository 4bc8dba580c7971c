import { report, viaHttp } from '../lab/client.mjs';

report('http.get http://httpbin/', await viaHttp('http://httpbin/'));

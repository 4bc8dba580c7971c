import { report, viaFetch, viaHttp } from '../lab/client.mjs';

report('http.get http://httpbin.org/get', await viaHttp('http://httpbin.org/get'));
report('fetch http://httpbin.org/status/418', await viaFetch('http://httpbin.org/status/418'));
report('http.get http://evil.example/', await viaHttp('http://evil.example/'));
report('fetch http://evil.example/', await viaFetch('http://evil.example/'));

import { report, viaHttp } from '../lab/client.mjs';

report('http.get http://httpbin.org/get', await viaHttp('http://httpbin.org/get'));
report('http.get http://evil.example/', await viaHttp('http://evil.example/'));
report('http.get http://metrics.internal:8080/', await viaHttp('http://metrics.internal:8080/'));
report('http.get http://192.0.2.55/', await viaHttp('http://192.0.2.55/'));

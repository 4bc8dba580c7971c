import { report, viaFetch, viaHttp } from '../lab/client.mjs';

report('http.get http://api.example.com/', await viaHttp('http://api.example.com/'));
report('http.get http://api.example.com:443/', await viaHttp('http://api.example.com:443/'));
report('fetch http://api.example.com/', await viaFetch('http://api.example.com/'));
report('http.get http://api.bank.example/', await viaHttp('http://api.bank.example/'));

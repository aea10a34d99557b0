// An authorization server (oidc-provider, certified by the OpenID Foundation) with an API behind it, for tests.
// Usage: node authorization_server.mjs PORT CLIENTS (JSON). It ends when its standard input ends.
import { createHash, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const found = createRequire(`${process.cwd()}/`);
const { Provider } = await import(pathToFileURL(found.resolve('oidc-provider')).href);
const { errors } = await import(pathToFileURL(found.resolve('oidc-provider')).href);
const { createLocalJWKSet, createRemoteJWKSet, jwtVerify } = await import(pathToFileURL(found.resolve('jose')).href);

const PORT = Number(process.argv[2]);
const ISSUER = `http://127.0.0.1:${PORT}`;
const CLIENTS = JSON.parse(process.argv[3]);
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const SCOPES = ['openid', 'email', 'offline_access', 'records:read', 'records:write', 'admin'];
const START = {
  account: 'maria@example.com', // who signs in
  automatic: true, // nobody has to press a button
  access_seconds: 3600,
  grace_seconds: 0, // how long a rotated refresh token is still taken
  declined: [], // scopes that the person does not give
  widened: '', // a scope that the answer says beside those asked for
  iss: '', // another `iss` in the authorization response
  refuse_writes: false, // the API answers writes with 401, whatever their token
  trusts: '', // the issuer whose access tokens are exchanged, and to whom they were given
  trusted_audience: '',
  metadata: {}, // fields of the metadata that differ
  faults: [], // {on: grant type, fault: lose_answer | lose_request | slow | a status, times, ms}
};
let control = { ...START };
let log = [];
let records = {};

class Storage {
  static rows = new Map();
  static grants = new Map();

  constructor(model) { this.model = model; }

  async upsert(id, payload, expiresIn) {
    Storage.rows.set(`${this.model} ${id}`, { payload, ends: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
    if (payload.grantId) {
      const members = Storage.grants.get(payload.grantId) ?? new Set();
      Storage.grants.set(payload.grantId, members.add(`${this.model} ${id}`));
    }
  }

  async find(id) {
    const row = Storage.rows.get(`${this.model} ${id}`);
    if (!row || row.ends < Date.now()) return undefined;
    const { consumed } = row.payload;
    // a server with a grace period takes a rotated refresh token for a while, so that a lost answer costs nothing
    const graced = this.model === 'RefreshToken' && consumed && Date.now() / 1000 < consumed + control.grace_seconds;
    return graced ? { ...row.payload, consumed: undefined } : row.payload;
  }

  async findByUid(uid) {
    for (const [key, { payload }] of Storage.rows) if (key.startsWith(`${this.model} `) && payload.uid === uid) return payload;
    return undefined;
  }

  async consume(id) { Storage.rows.get(`${this.model} ${id}`).payload.consumed ??= Date.now() / 1000; }

  async destroy(id) { Storage.rows.delete(`${this.model} ${id}`); }

  async revokeByGrantId(grantId) {
    for (const key of Storage.grants.get(grantId) ?? []) Storage.rows.delete(key);
    Storage.grants.delete(grantId);
  }
}

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const provider = new Provider(ISSUER, {
  adapter: Storage,
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' }] },
  clients: CLIENTS.map(({ assertion_only: _, ...client }) => client),
  scopes: SCOPES,
  claims: { openid: ['sub'], email: ['email'] },
  conformIdTokenClaims: false, // the identity token says the e-mail
  cookies: { keys: ['of a test'] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true },
  },
  pkce: { required: () => true },
  rotateRefreshToken: () => true,
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  expiresWithSession: () => false,
  ttl: {
    AccessToken: () => control.access_seconds,
    ClientCredentials: () => control.access_seconds,
    AuthorizationCode: 60, Grant: 86400, IdToken: 3600, Interaction: 600, RefreshToken: 86400, Session: 86400,
  },
  findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub, email: sub }) }),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  renderError: (ctx, out) => { ctx.type = 'json'; ctx.body = out; },
});

/** RFC 8693, section 2: the provider authenticates the client, and the token of another issuer says who it is for. */
provider.registerGrantType(TOKEN_EXCHANGE, async (ctx) => {
  const { client, params } = ctx.oidc;
  if (params.subject_token_type !== ACCESS_TOKEN || params.requested_token_type !== ACCESS_TOKEN) throw new errors.InvalidRequest('token type');
  let claims;
  try {
    const keys = createRemoteJWKSet(new URL(`${control.trusts}/keys`));
    ({ payload: claims } = await jwtVerify(params.subject_token, keys, { issuer: control.trusts, audience: control.trusted_audience }));
  } catch { throw new errors.InvalidGrant('subject_token'); }
  const scope = params.scope ?? '';
  const grant = new provider.Grant({ accountId: claims.sub, clientId: client.clientId });
  grant.addOIDCScope(scope);
  const token = new provider.AccessToken({ client, accountId: claims.sub, scope, grantId: await grant.save(), gty: 'token_exchange' });
  ctx.body = { access_token: await token.save(), issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', expires_in: control.access_seconds, scope };
}, ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'scope', 'resource']);

const taken = (kind) => {
  const fault = control.faults.find((one) => one.on === kind && (one.times ?? 1) > 0);
  if (fault) fault.times = (fault.times ?? 1) - 1;
  return fault ?? {};
};

provider.use(async (ctx, next) => {
  await next();
  if (ctx.path === '/token' && ctx.body?.access_token && control.widened) {
    ctx.body = { ...ctx.body, scope: `${ctx.body.scope} ${control.widened}`.trim() };
  }
  if (ctx.path.startsWith('/.well-known/') && ctx.body?.issuer) ctx.body = { ...ctx.body, ...control.metadata };
  const to = ctx.response.get('location') ?? '';
  if (control.iss && to.includes('iss=')) ctx.set('location', to.replace(/iss=[^&]*/, `iss=${encodeURIComponent(control.iss)}`));
});

const whole = async (request) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
};

const say = (response, status, document, headers = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers });
  response.end(document === undefined ? '' : JSON.stringify(document));
};

async function interact(request, response) {
  const details = await provider.interactionDetails(request, response);
  if (!control.automatic && request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end(`<!doctype html><title>Example Records</title><h1>Example Records</h1>
      <form method="post"><p>Ailyus asks for: ${details.params.scope}</p><button>Allow</button></form>`);
    return;
  }
  const grant = new provider.Grant({ accountId: control.account, clientId: details.params.client_id });
  const asked = details.params.scope.split(' ');
  grant.addOIDCScope(asked.filter((scope) => !control.declined.includes(scope)).join(' '));
  const declined = asked.filter((scope) => control.declined.includes(scope)).join(' ');
  if (declined) grant.rejectOIDCScope(declined);
  const grantId = await grant.save();
  const result = { login: { accountId: control.account }, consent: { grantId } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

/** RFC 7523, section 2.1, as Salesforce and Google have it: the assertion alone names the client. */
async function byAssertion(form, response) {
  const refused = (error) => say(response, 400, { error });
  let claims;
  const assertion = form.get('assertion') ?? '';
  const issuer = (() => { try { return JSON.parse(Buffer.from(assertion.split('.')[1], 'base64url')).iss; } catch { return ''; } })();
  const known = CLIENTS.find((one) => one.client_id === issuer && one.jwks);
  if (!known) return refused('invalid_grant');
  try {
    const options = { audience: [ISSUER, `${ISSUER}/token`], requiredClaims: ['exp'], maxTokenAge: '10m' };
    ({ payload: claims } = await jwtVerify(assertion, createLocalJWKSet(known.jwks), { ...options, clockTolerance: 5 }));
  } catch { return refused('invalid_grant'); }
  const scope = claims.scope ?? form.get('scope') ?? '';
  const client = await provider.Client.find(known.client_id);
  const accountId = claims.sub ?? known.client_id;
  const grant = new provider.Grant({ accountId, clientId: client.clientId });
  grant.addOIDCScope(scope);
  const token = new provider.AccessToken({ client, accountId, scope, grantId: await grant.save(), gty: JWT_BEARER });
  return say(response, 200, { access_token: await token.save(), token_type: 'Bearer', expires_in: control.access_seconds, scope });
}

async function token(request, response, pass) {
  const body = await whole(request);
  const form = new URLSearchParams(body.toString());
  const kind = form.get('grant_type');
  const refresh = form.get('refresh_token');
  const entry = { at: Date.now(), kind, scope: form.get('scope'), token: refresh && createHash('sha256').update(refresh).digest('hex').slice(0, 12) };
  log.push(entry);
  response.on('finish', () => { entry.status = response.statusCode; });
  const { fault, ms = 3000 } = taken(kind);
  if (fault === 'lose_request') return response.destroy();
  if (fault === 'slow') await new Promise((done) => { setTimeout(done, ms); });
  if (Number.isInteger(fault)) return say(response, fault, { error: 'temporarily_unavailable' }, { 'retry-after': '1' });
  if (fault === 'lose_answer') {
    // the request has its effect, and not one byte of the answer arrives
    entry.lost = true;
    response.end = () => { response.destroy(); };
  }
  if (kind === JWT_BEARER) return byAssertion(form, response);
  request.body = body.toString(); // the provider takes a body that somebody has read
  return pass(request, response);
}

async function api(request, response) {
  const presented = (request.headers.authorization ?? '').replace(/^Bearer /, '');
  const known = presented && (await provider.AccessToken.find(presented) ?? await provider.ClientCredentials.find(presented));
  const entry = { at: Date.now(), kind: 'api', method: request.method, path: request.url };
  log.push(entry);
  response.on('finish', () => { entry.status = response.statusCode; });
  if (!known || (control.refuse_writes && request.method !== 'GET')) return say(response, 401, { error: 'invalid_token' }, { 'www-authenticate': 'Bearer error="invalid_token"' });
  entry.account = known.accountId ?? known.clientId;
  const needed = request.method === 'GET' ? 'records:read' : 'records:write';
  if (request.url === '/api/me') return say(response, 200, { id: entry.account, email: entry.account });
  if (!(known.scope ?? '').split(' ').includes(needed)) return say(response, 403, { error: 'insufficient_scope' });
  const id = request.url.slice('/api/records/'.length);
  if (request.method === 'PUT') {
    const version = (records[id]?.version ?? 0) + 1;
    records[id] = { ...JSON.parse((await whole(request)).toString()), id, version, by: entry.account };
    entry.effect = true;
  }
  return records[id] ? say(response, 200, records[id]) : say(response, 404, { error: 'not_found' });
}

/** What a test says to the server, and asks of it. */
async function test(request, response) {
  if (request.method === 'DELETE') [control, log, records] = [{ ...START }, [], {}];
  if (request.url.endsWith('?tokens')) Storage.rows.clear();
  if (request.method === 'PUT') {
    const said = JSON.parse((await whole(request)).toString());
    records = { ...records, ...said.records };
    control = { ...control, ...said };
  }
  if (request.method === 'POST') { // everything that was given out holds no more
    for (const key of Storage.rows.keys()) if (/^(AccessToken|ClientCredentials) /.test(key)) Storage.rows.delete(key);
  }
  const count = (model) => [...Storage.rows.keys()].filter((key) => key.startsWith(`${model} `)).length;
  say(response, 200, { control, log, records, refresh_tokens: count('RefreshToken'), access_tokens: count('AccessToken') });
}

provider.on('server_error', (ctx, fault) => { console.error(fault); });
const pass = provider.callback();
const server = createServer((request, response) => {
  const path = request.url.split('?')[0];
  const handle = path === '/_test' ? test
    : path === '/token' ? (asked, answer) => token(asked, answer, pass)
      : path.startsWith('/interaction/') ? interact
        : path.startsWith('/api/') ? api : pass;
  Promise.resolve(handle(request, response)).catch((fault) => {
    console.error(fault);
    if (!response.headersSent) say(response, 500, { error: String(fault) });
  });
});
server.listen(PORT, '127.0.0.1', () => { console.log('listening'); });
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));

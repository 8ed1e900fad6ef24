/** A certified OpenID Connect provider (oidc-provider) with accounts of the test's making. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import Provider, { interactionPolicy } from 'oidc-provider';

export const CLIENT = { id: 'camtrail', secret: 'browser-test-secret' };

export class IdentityProvider {
  /** Whose address isn't verified. */
  readonly unverified = new Set<string>();
  /** Who was removed. */
  readonly removed = new Set<string>();
  #provider: Provider | undefined;

  private constructor(
    private readonly server: Server,
    readonly issuer: string,
  ) {}

  /** Listens; knows no client until [`serve`]. */
  static async start(): Promise<IdentityProvider> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const provider = new IdentityProvider(server, `http://127.0.0.1:${port}`);
    server.on('request', (request, response) => {
      provider.#answer(request, response).catch((error: unknown) => {
        response.statusCode = 500;
        response.end(String(error));
      });
    });
    return provider;
  }

  /** What Camtrail is told of it. */
  get environment(): Record<string, string> {
    return {
      CAMTRAIL__OIDC__ISSUER: this.issuer,
      CAMTRAIL__OIDC__CLIENT_ID: CLIENT.id,
      CAMTRAIL__OIDC__CLIENT_SECRET: CLIENT.secret,
      CAMTRAIL__OIDC__NAME: 'Example ID',
      CAMTRAIL__OIDC__ALLOWED_DOMAINS: '["example.org"]',
    };
  }

  /** Takes the Camtrail at `url` as its client. */
  serve(url: string): void {
    const policy = interactionPolicy.base();
    policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }), 0);
    this.#provider = new Provider(this.issuer, {
      clients: [
        {
          client_id: CLIENT.id,
          client_secret: CLIENT.secret,
          redirect_uris: [`${url}/auth/oidc/callback`],
        },
      ],
      claims: { openid: ['sub'], email: ['email', 'email_verified'] },
      cookies: { keys: ['browser-test-key'] },
      ttl: { AccessToken: 600, Grant: 3600, IdToken: 600, Interaction: 600, Session: 3600 },
      features: { devInteractions: { enabled: false } },
      interactions: {
        policy,
        url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}`,
      },
      findAccount: (_: unknown, address: string) => this.#account(address),
    });
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  #account(address: string) {
    if (this.removed.has(address)) return undefined;
    const email_verified = !this.unverified.has(address);
    return {
      accountId: address,
      claims: () => ({ sub: address, email: address, email_verified }),
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const provider = this.#provider;
    if (provider === undefined) throw new Error('no client is known yet');
    if (!request.url?.startsWith('/interaction/')) {
      provider.callback()(request, response);
      return;
    }
    const { prompt, params, session } = await provider.interactionDetails(request, response);
    if (prompt.name === 'consent') {
      const grant = new provider.Grant({
        accountId: session?.accountId ?? '',
        clientId: params.client_id,
      });
      grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(' '));
      grant.addOIDCClaims(prompt.details.missingOIDCClaims ?? []);
      const result = { consent: { grantId: await grant.save() } };
      await provider.interactionFinished(request, response, result, {
        mergeWithLastSubmission: true,
      });
      return;
    }
    if (request.method !== 'POST') {
      response.setHeader('content-type', 'text/html');
      response.end(PAGE);
      return;
    }
    const form = new URLSearchParams(await body(request));
    const result = form.has('cancel')
      ? { error: 'access_denied', error_description: 'cancelled' }
      : { select_account: {}, login: { accountId: form.get('address') ?? '' } };
    await provider.interactionFinished(request, response, result, {
      mergeWithLastSubmission: false,
    });
  }
}

const PAGE = `<!doctype html><html lang="en"><title>Example ID</title>
<form method="post"><label>Address <input name="address"></label>
<button>Go on</button> <button name="cancel" value="1">Cancel</button></form>`;

async function body(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request) text += String(part);
  return text;
}

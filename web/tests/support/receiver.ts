/** The far end of a webhook: a small HTTP server that keeps what it is told. */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Told {
  headers: IncomingHttpHeaders;
  body: string;
  message: { type: string; data: { camera: string | null; title: string; text: string } };
}

export class Receiver {
  readonly told: Told[] = [];
  /** What it answers. */
  status = 204;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<Receiver> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const receiver = new Receiver(server, `http://127.0.0.1:${port}/hook`);
    server.on('request', (request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (part: string) => (body += part));
      request.on('end', () => {
        const message = JSON.parse(body) as Told['message'];
        receiver.told.push({ headers: request.headers, body, message });
        response.writeHead(receiver.status).end();
      });
    });
    return receiver;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}

/** The signature of Standard Webhooks, reckoned anew. */
export function signatureOf({ headers, body }: Told, secret: string): string {
  const [id, at] = [headers['webhook-id'], headers['webhook-timestamp']].map(String);
  const signed = createHmac('sha256', secret).update(`${id}.${at}.${body}`);
  return `v1,${signed.digest('base64')}`;
}

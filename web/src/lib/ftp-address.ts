/** Reads `/status`'s FTP address (`0.0.0.0:2121`, `[::]:2121`) for what a person has to know. */

export function ftpPort(address: string): string | null {
  return /:(\d+)$/.exec(address)?.[1] ?? null;
}

/** Bound to the loopback interface: no camera can get there. */
export function listensHereOnly(address: string): boolean {
  const host = address.replace(/:\d+$/, '');
  return host.startsWith('127.') || host === '[::1]' || host === 'localhost';
}

/** A name for this computer that means something else on a camera. */
export function isLocalName(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname.startsWith('127.') ||
    hostname === '[::1]'
  );
}

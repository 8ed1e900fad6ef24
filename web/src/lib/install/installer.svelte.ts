/** The browser's offer to install the app: it comes once, early, and is kept until it is wanted. */

interface InstallOffer extends Event {
  prompt: () => Promise<{ outcome: 'accepted' | 'dismissed' }>;
}

class Installer {
  installed = $state(matchMedia('(display-mode: standalone)').matches);
  offered = $state(false);
  #offer: InstallOffer | null = null;

  start(): () => void {
    const onOffer = (event: Event) => {
      event.preventDefault(); // no banner over the timeline: the offer stands in the settings
      this.#offer = event as InstallOffer;
      this.offered = true;
    };
    const onInstalled = () => {
      this.offered = false;
      this.installed = true;
    };
    addEventListener('beforeinstallprompt', onOffer);
    addEventListener('appinstalled', onInstalled);
    return () => {
      removeEventListener('beforeinstallprompt', onOffer);
      removeEventListener('appinstalled', onInstalled);
    };
  }

  /** An offer is good for one question. */
  async install(): Promise<void> {
    const offer = this.#offer;
    this.#offer = null;
    this.offered = false;
    await offer?.prompt();
  }
}

export const installer = new Installer();

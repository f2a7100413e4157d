// Find out which of the three faces this host has, and load that one.

import { lazy, StrictMode, Suspense, use } from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router';
import '@fontsource-variable/bricolage-grotesque';
import '@fontsource-variable/instrument-sans';
import './base.css';
import './fields.css';
import { faceOf } from './face.ts';
import { ask } from './http.ts';
import { LanguageProvider } from './language/language.tsx';
import { Boundary } from './ui/Boundary.tsx';
import { Loading, Unavailable, UnknownSite } from './ui/pages.tsx';

/** Read from /config.json, which the deployment puts beside the build. example_tenant: whose site the landing page may show as an example. */
export type Deployment = { base_domain: string; example_tenant?: string };

const Landing = lazy(() => import('./landing/Landing.tsx'));
const Site = lazy(() => import('./site/Site.tsx'));
const Panel = lazy(() => import('./panel/Panel.tsx'));

const deployment = ask<Deployment>('/config.json').catch(() => null);

function Fluxion() {
  const found = use(deployment);
  if (!found?.base_domain) return <Unavailable />;
  const face = faceOf(window.location.hostname, found.base_domain);
  switch (face.kind) {
    case 'landing':
      return <Landing deployment={found} />;
    case 'panel':
      return <Panel />;
    case 'site':
      return <Site />;
    case 'unknown':
      return <UnknownSite />;
  }
}

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no element #root');
createRoot(root).render(
  <StrictMode>
    <LanguageProvider>
      <Boundary fallback={<Unavailable />}>
        <Suspense fallback={<Loading />}>
          <BrowserRouter>
            <Fluxion />
          </BrowserRouter>
        </Suspense>
      </Boundary>
    </LanguageProvider>
  </StrictMode>,
);

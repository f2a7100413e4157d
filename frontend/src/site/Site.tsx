// A tenant's site: its catalogue, and orders. Whose site this is only the API says, by the host it is asked on.

import { type ReactNode, useEffect, useState } from 'react';
import { Route, Routes } from 'react-router';
import './site.css';
import { ask, Problem } from '../http.ts';
import { LanguageSwitch, useWords } from '../language/language.tsx';
import { Missing } from '../ui/Missing.tsx';
import { Loading, Suspended, Unavailable, UnknownSite } from '../ui/pages.tsx';
import { uiWords } from '../ui/words.ts';
import { Catalogue } from './Catalogue.tsx';
import { useCart } from './cart.ts';
import { allProducts } from './catalogue.ts';
import { brandProperties } from './colour.ts';
import { Order } from './Order.tsx';
import { Placed } from './Placed.tsx';
import type { Product, Tenant } from './types.ts';
import { siteWords } from './words.ts';

export type Shop = { tenant: Tenant; products: Product[] };

function useShop(): { shop: Shop | null; problem: Problem | null; reload: () => Promise<void> } {
  const [shop, setShop] = useState<Shop | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [load] = useState(() => async () => {
    try {
      const [tenant, products] = await Promise.all([ask<Tenant>('/api/tenant'), allProducts()]);
      setShop({ tenant, products });
      setProblem(null);
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0));
    }
  });
  useEffect(() => {
    void load();
  }, [load]);
  return { shop, problem, reload: load };
}

export default function Site() {
  const { shop, problem, reload } = useShop();
  const shopping = useCart();
  const colour = shop?.tenant.settings.colour ?? shop?.tenant.settings.color;
  useEffect(() => {
    // By script and not by a style attribute: the page's Content-Security-Policy forbids those.
    const properties = Object.entries(brandProperties(colour));
    const style = document.documentElement.style;
    for (const [name, value] of properties) style.setProperty(name, value);
    return () => {
      for (const [name] of properties) style.removeProperty(name);
    };
  }, [colour]);

  if (problem?.status === 404) return <UnknownSite />;
  if (problem?.code === 'suspended') return <Suspended />;
  if (problem) return <Unavailable />;
  if (!shop) return <Loading />;
  return (
    <Routes>
      <Route
        index
        element={
          <Frame shop={shop}>
            <Catalogue shop={shop} shopping={shopping} />
          </Frame>
        }
      />
      <Route
        path="order"
        element={
          <Frame shop={shop}>
            <Order shop={shop} shopping={shopping} reload={reload} />
          </Frame>
        }
      />
      <Route
        path="order/placed"
        element={
          <Frame shop={shop}>
            <Placed shop={shop} />
          </Frame>
        }
      />
      <Route path="*" element={<Missing />} />
    </Routes>
  );
}

function Frame({ shop, children }: { shop: Shop; children: ReactNode }) {
  const ui = useWords(uiWords);
  const words = useWords(siteWords);
  return (
    <div className="site">
      <a className="skip" href="#content">
        {ui.skip}
      </a>
      <header>
        <p className="shop-name">{shop.tenant.name}</p>
        <LanguageSwitch />
      </header>
      <main id="content">{children}</main>
      <footer>
        <p>{words.poweredBy}</p>
      </footer>
    </div>
  );
}

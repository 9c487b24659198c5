<?php

declare(strict_types=1);

namespace Infrafabric\Concerns;

use Infrafabric\Tabs\Directory;

/**
 * The tabs Blesta may call, each a method of its own because Blesta calls tabs by method name.
 */
trait OffersTabs
{
    public function getAdminTabs($package)
    {
        return $this->guarded(fn () => array_map(
            fn (array $tab): string => $this->say($tab[1]),
            self::methods('tab', Directory::ALL + Directory::STAFF)
        ), []);
    }

    public function getAdminServiceTabs($service)
    {
        return $this->getAdminTabs(null);
    }

    public function getClientTabs($package)
    {
        return $this->guarded(fn () => $this->clientTabs(array_keys(Directory::ALL)), []);
    }

    public function getClientServiceTabs($service)
    {
        return $this->guarded(fn () => $this->clientTabs(Directory::ofStatus((string) ($service->status ?? ''))), []);
    }

    /**
     * @param list<string> $names
     * @return array<string, array{name: string, icon: string}>
     */
    private function clientTabs(array $names): array
    {
        $tabs = array_intersect_key(Directory::ALL, array_flip($names));

        return array_map(
            fn (array $tab): array => ['name' => $this->say($tab[1]), 'icon' => $tab[2]],
            self::methods('tabClient', $tabs)
        );
    }

    /**
     * @template T
     * @param array<string, T> $tabs by name
     * @return array<string, T> by method
     */
    private static function methods(string $prefix, array $tabs): array
    {
        $methods = array_map(static fn (string $name): string => $prefix . $name, array_keys($tabs));

        return array_combine($methods, $tabs);
    }

    public function tabClientOverview($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->clientTab('Overview', $package, $service, $get, $post);
    }

    public function tabClientPower($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->clientTab('Power', $package, $service, $get, $post);
    }

    public function tabClientReinstall($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->clientTab('Reinstall', $package, $service, $get, $post);
    }

    public function tabClientNetwork($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->clientTab('Network', $package, $service, $get, $post);
    }

    public function tabClientFirewall($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->clientTab('Firewall', $package, $service, $get, $post);
    }

    public function tabClientStorage($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->clientTab('Storage', $package, $service, $get, $post);
    }

    public function tabClientAccess($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->clientTab('Access', $package, $service, $get, $post);
    }

    public function tabClientUsage($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->clientTab('Usage', $package, $service, $get, $post);
    }

    public function tabClientActivity($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->clientTab('Activity', $package, $service, $get, $post);
    }

    public function tabOverview($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->staffTab('Overview', $package, $service, $get, $post);
    }

    public function tabPower($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->staffTab('Power', $package, $service, $get, $post);
    }

    public function tabReinstall($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->staffTab('Reinstall', $package, $service, $get, $post);
    }

    public function tabNetwork($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->staffTab('Network', $package, $service, $get, $post);
    }

    public function tabFirewall($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->staffTab('Firewall', $package, $service, $get, $post);
    }

    public function tabStorage($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->staffTab('Storage', $package, $service, $get, $post);
    }

    public function tabAccess($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->staffTab('Access', $package, $service, $get, $post);
    }

    public function tabUsage($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->staffTab('Usage', $package, $service, $get, $post);
    }

    public function tabActivity($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->staffTab('Activity', $package, $service, $get, $post);
    }

    public function tabOperations($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->staffTab('Operations', $package, $service, $get, $post);
    }

    public function tabImport($package, $service, ?array $get = null, ?array $post = null, ?array $files = null)
    {
        return $this->staffTab('Import', $package, $service, $get, $post);
    }
}

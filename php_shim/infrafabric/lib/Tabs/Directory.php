<?php

declare(strict_types=1);

namespace Infrafabric\Tabs;

/**
 * Which tabs there are: class, title, icon and view. The module's method is `tabClient` or `tab` and the name.
 */
final class Directory
{
    public const ALL = [
        'Overview' => [Overview::class, 'Infrafabric.tab_overview', 'fas fa-server', 'tab_overview'],
        'Power' => [Power::class, 'Infrafabric.tab_power', 'fas fa-power-off', 'tab_power'],
        'Reinstall' => [Reinstall::class, 'Infrafabric.tab_reinstall', 'fas fa-redo', 'tab_reinstall'],
        'Network' => [Network::class, 'Infrafabric.tab_network', 'fas fa-network-wired', 'tab_network'],
        'Firewall' => [Firewall::class, 'Infrafabric.tab_firewall', 'fas fa-shield-alt', 'tab_firewall'],
        'Storage' => [Storage::class, 'Infrafabric.tab_storage', 'fas fa-hdd', 'tab_storage'],
        'Access' => [Access::class, 'Infrafabric.tab_access', 'fas fa-key', 'tab_access'],
        'Usage' => [Usage::class, 'Infrafabric.tab_usage', 'fas fa-chart-line', 'tab_usage'],
        'Activity' => [Activity::class, 'Infrafabric.tab_activity', 'fas fa-history', 'tab_activity'],
    ];
    public const STAFF = [
        'Operations' => [Operations::class, 'Infrafabric.tab_operations', 'fas fa-tasks', 'tab_operations'],
        'Import' => [Import::class, 'Infrafabric.tab_import', 'fas fa-file-import', 'tab_import'],
    ];

    /** Tabs that only show: a client has them also while the service waits or is suspended. */
    private const SHOWING = ['Overview', 'Activity'];

    /**
     * @return list<string> names of the tabs that a client has with a service of that status
     */
    public static function ofStatus(string $status): array
    {
        return match ($status) {
            'active' => array_keys(self::ALL),
            'pending', 'in_review', 'suspended' => self::SHOWING,
            default => [],
        };
    }
}

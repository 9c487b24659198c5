<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * Language keys that are chosen by a value. Written out, so that a search for a key finds its use.
 */
final class Texts
{
    public const ROW_ERRORS = [
        'name' => 'Infrafabric.!error.row_name',
        'bridge_url' => 'Infrafabric.!error.row_bridge_url',
        'bridge_key' => 'Infrafabric.!error.row_bridge_key',
        'completion_mode' => 'Infrafabric.!error.row_completion_mode',
        'wait_seconds' => 'Infrafabric.!error.row_wait_seconds',
        'infrafabric_api_url' => 'Infrafabric.!error.row_infrafabric_api_url',
        'infrafabric_api_key' => 'Infrafabric.!error.row_infrafabric_api_key',
        'default_datacenter' => 'Infrafabric.!error.row_default_datacenter',
        'provisioning_timeout' => 'Infrafabric.!error.row_provisioning_timeout',
        'webhook_secret' => 'Infrafabric.!error.row_webhook_secret',
    ];
    public const SIZE_ERRORS = [
        'cpus' => 'Infrafabric.!error.package_cpus',
        'memory_mb' => 'Infrafabric.!error.package_memory_mb',
        'disk_gb' => 'Infrafabric.!error.package_disk_gb',
    ];
    /** Actions of the tabs, in the order in which they are shown. */
    public const ACTIONS = [
        'start' => 'Infrafabric.action.start',
        'stop' => 'Infrafabric.action.stop',
        'reboot' => 'Infrafabric.action.reboot',
        'reinstall' => 'Infrafabric.action.reinstall',
    ];
    public const STATES = [
        'provisioning' => 'Infrafabric.state.provisioning',
        'active' => 'Infrafabric.state.active',
        'suspended' => 'Infrafabric.state.suspended',
        'terminated' => 'Infrafabric.state.terminated',
        'failed' => 'Infrafabric.state.failed',
    ];
    public const POWER = [
        'on' => 'Infrafabric.power.on',
        'off' => 'Infrafabric.power.off',
        'unknown' => 'Infrafabric.power.unknown',
    ];
}

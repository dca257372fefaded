{
  # What node-gyp builds at "npm install". Sources and flags come from native/build.json through native/sources.mjs.
  # Each variant is a static library of its own, so that its ISA flags reach no other file.
  'target_defaults': {
    'include_dirs': ['native', '<!(node -p "require(\'node-addon-api\').include_dir")'],
    'defines': ['NAPI_VERSION=9', 'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED'],
    'cflags': ['<!@(node native/sources.mjs flags)'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],  # of Node's own build; build.json names ours
    'xcode_settings': {
      'OTHER_CFLAGS': ['<!@(node native/sources.mjs flags)'],
      'CLANG_CXX_LIBRARY': 'libc++',
      'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
      'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
      'MACOSX_DEPLOYMENT_TARGET': '12.0',
    },
    'msvs_settings': {
      'VCCLCompilerTool': {
        'ExceptionHandling': 0,
        'AdditionalOptions': ['<!@(node native/sources.mjs msvc)'],
      },
    },
  },
  'targets': [
    {
      'target_name': 'openelm_core',
      'type': 'static_library',
      'sources': ['<!@(node native/sources.mjs core)'],
      'defines': ['<!@(node native/sources.mjs defines <(target_arch))'],
    },
    {
      'target_name': 'openelm',
      'sources': ['<!@(node native/sources.mjs addon)'],
      'dependencies': ['openelm_core'],
      'conditions': [
        ['target_arch=="x64"', {'dependencies': ['openelm_avx2', 'openelm_avx512', 'openelm_amx']}],
        ['target_arch=="arm64"', {'dependencies': ['openelm_neon']}],
        ['OS=="linux"', {
          'ldflags': [
            '-Wl,--gc-sections', '-Wl,--version-script=<(module_root_dir)/native/exports.map', '-static-libstdc++', '-static-libgcc',
          ],
        }],
        ['OS=="mac"', {
          'dependencies': ['openelm_metal'],
          'defines': ['OPENELM_HAVE_METAL'],
          'xcode_settings': {'OTHER_LDFLAGS': ['-Wl,-dead_strip']},
          'libraries': ['-framework Foundation', '-framework CoreGraphics', '-framework Metal'],
        }],
      ],
    },
  ],
  'conditions': [
    # The Metal backend. Its kernels are compiled where they run, from the text that flatten.mjs makes of them.
    ['OS=="mac"', {
      'targets': [
        {
          'target_name': 'openelm_metal',
          'type': 'static_library',
          'sources': ['<!@(node native/sources.mjs device metal)', '<(INTERMEDIATE_DIR)/metal_source.cc'],
          'actions': [
            {
              'action_name': 'metal_source',
              'inputs': ['<!@(node native/gpu/metal/flatten.mjs --inputs)'],
              'outputs': ['<(INTERMEDIATE_DIR)/metal_source.cc'],
              'action': ['node', 'native/gpu/metal/flatten.mjs', '<@(_outputs)'],
            },
          ],
          'xcode_settings': {'CLANG_ENABLE_OBJC_ARC': 'YES'},
        },
      ],
    }],
    ['target_arch=="x64"', {
      'targets': [
        {
          'target_name': 'openelm_avx2',
          'type': 'static_library',
          'sources': ['<!@(node native/sources.mjs variant avx2)'],
          'cflags': ['<!@(node native/sources.mjs flags avx2)'],
          'xcode_settings': {'OTHER_CFLAGS': ['<!@(node native/sources.mjs flags avx2)']},
          'msvs_settings': {'VCCLCompilerTool': {'AdditionalOptions': ['<!@(node native/sources.mjs msvc avx2)']}},
        },
        {
          'target_name': 'openelm_avx512',
          'type': 'static_library',
          'sources': ['<!@(node native/sources.mjs variant avx512)'],
          'cflags': ['<!@(node native/sources.mjs flags avx512)'],
          'xcode_settings': {'OTHER_CFLAGS': ['<!@(node native/sources.mjs flags avx512)']},
          'msvs_settings': {'VCCLCompilerTool': {'AdditionalOptions': ['<!@(node native/sources.mjs msvc avx512)']}},
        },
        {
          'target_name': 'openelm_amx',
          'type': 'static_library',
          'sources': ['<!@(node native/sources.mjs variant amx)'],
          'cflags': ['<!@(node native/sources.mjs flags amx)'],
          'xcode_settings': {'OTHER_CFLAGS': ['<!@(node native/sources.mjs flags amx)']},
          'msvs_settings': {'VCCLCompilerTool': {'AdditionalOptions': ['<!@(node native/sources.mjs msvc amx)']}},
        },
      ],
    }],
    ['target_arch=="arm64"', {
      'targets': [
        {
          'target_name': 'openelm_neon',
          'type': 'static_library',
          'sources': ['<!@(node native/sources.mjs variant neon)'],
          'cflags': ['<!@(node native/sources.mjs flags neon)'],
          'xcode_settings': {'OTHER_CFLAGS': ['<!@(node native/sources.mjs flags neon)']},
          'msvs_settings': {'VCCLCompilerTool': {'AdditionalOptions': ['<!@(node native/sources.mjs msvc neon)']}},
        },
      ],
    }],
  ],
}

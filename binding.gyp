{
  # Settings shared by every target. The sources and flags come from native/build.json through native/sources.mjs.
  'target_defaults': {
    'include_dirs': ['native', '<!(node -p "require(\'node-addon-api\').include_dir")'],
    'defines': ['NAPI_VERSION=9', 'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED'],
    'cflags!': ['-O2'],
    'cflags': ['<!@(node native/sources.mjs flags)'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-fno-rtti'],
    'cflags_cc': ['-std=c++20'],
    'xcode_settings': {
      'OTHER_CFLAGS': ['<!@(node native/sources.mjs flags)'],
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
      'MACOSX_DEPLOYMENT_TARGET': '12.0',
    },
    'msvs_settings': {'VCCLCompilerTool': {'AdditionalOptions': ['/std:c++20', '/O2']}},
  },
  'variables': {
    'x64_variants': ['openelm_avx2', 'openelm_avx512', 'openelm_amx'],
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
        ['target_arch=="x64"', {'dependencies': ['<@(x64_variants)']}],
        ['target_arch=="arm64"', {'dependencies': ['openelm_neon']}],
        ['OS=="linux"', {'ldflags': ['-Wl,--gc-sections', '-static-libstdc++', '-static-libgcc']}],
      ],
    },
  ],
  'conditions': [
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
        },
      ],
    }],
  ],
}
